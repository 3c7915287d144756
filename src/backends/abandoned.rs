//! When a device's thread is abandoned, for every backend that has one: it hangs at two looks, and not too many that were
//! abandoned before still hang.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// What hangs at one look hangs still after so long: a process that was stopped looks at its threads before they run again.
const SURE: Duration = Duration::from_millis(500);
/// Threads that were abandoned and have not ended yet. With so many no other one is: the device hangs, whichever thread
/// asks it.
const MOST: usize = 3;

/// The threads of one device. Each holds an `Arc` of its own `T` for as long as it runs.
pub struct AbandonedThreads<T> {
    before: Vec<Weak<T>>,
    /// When the thread that serves now was first seen to hang.
    hangs_since: Option<Instant>,
}

impl<T> Default for AbandonedThreads<T> {
    fn default() -> Self {
        Self {
            before: Vec::new(),
            hangs_since: None,
        }
    }
}

impl<T> AbandonedThreads<T> {
    /// A look at the thread that serves now: whether to abandon it.
    pub fn should_abandon(&mut self, hangs: bool, now: Instant) -> bool {
        if !hangs {
            self.hangs_since = None;
            return false;
        }
        self.before.retain(|thread| thread.strong_count() > 0);
        let since = *self.hangs_since.get_or_insert(now);
        now.saturating_duration_since(since) >= SURE && self.before.len() < MOST
    }

    /// The thread with this is abandoned; another serves.
    pub fn add(&mut self, thread: &Arc<T>) {
        self.before.push(Arc::downgrade(thread));
        self.hangs_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_give_a_thread_up_and_three_at_most_hang_at_a_time() {
        let mut abandoned = AbandonedThreads::default();
        let mut now = Instant::now();
        let mut threads = Vec::new();
        let mut next = |abandoned: &mut AbandonedThreads<()>| {
            now += SURE;
            abandoned.should_abandon(true, now)
        };
        for _ in 0..MOST {
            assert!(!next(&mut abandoned), "one look");
            assert!(next(&mut abandoned));
            let thread = Arc::new(());
            abandoned.add(&thread);
            threads.push(thread);
        }
        assert!(!next(&mut abandoned) && !next(&mut abandoned), "too many");
        threads.pop();
        assert!(next(&mut abandoned), "one has ended");
        assert!(!abandoned.should_abandon(false, Instant::now()));
        assert!(!next(&mut abandoned), "it came back in between");
    }
}
