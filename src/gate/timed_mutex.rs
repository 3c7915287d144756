//! A critical section with a deadline (W4).
//!
//! The standard mutex cannot be waited for with a time limit. Here the value itself is taken out of its place
//! and given back by the guard, on unwinding too, so a panicking thread neither poisons nor keeps it.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A value that one thread at a time may hold.
pub struct TimedMutex<T> {
    place: Mutex<Place<T>>,
    freed: Condvar,
}

struct Place<T> {
    value: Option<T>,
    /// Whose turn it is, and the next turn to give out: first come, first served.
    serving: u64,
    next: u64,
    /// Turns that ran out of time before they came.
    gone: Vec<u64>,
}

/// The right to use the value until this is dropped.
pub struct Held<'a, T> {
    section: &'a TimedMutex<T>,
    value: Option<T>,
}

impl<T> TimedMutex<T> {
    /// A section around a value.
    pub fn new(value: T) -> Self {
        let place = Place {
            value: Some(value),
            serving: 0,
            next: 0,
            gone: Vec::new(),
        };
        Self {
            place: Mutex::new(place),
            freed: Condvar::new(),
        }
    }

    /// Waits up to `patience` for its turn; `None` when that was not enough.
    pub fn enter(&self, patience: Duration) -> Option<Held<'_, T>> {
        let mut place = self.lock();
        let turn = place.next;
        place.next = place.next.wrapping_add(1);
        let mut until = None;
        loop {
            if place.serving == turn
                && let Some(value) = place.value.take()
            {
                return Some(Held {
                    section: self,
                    value: Some(value),
                });
            }
            let end = *until.get_or_insert_with(|| Instant::now().checked_add(patience));
            let left = end.map_or(patience, |end| {
                end.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                place.give_up(turn);
                drop(place);
                self.freed.notify_all();
                return None;
            }
            place = self
                .freed
                .wait_timeout(place, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Place<T>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Place<T> {
    fn give_up(&mut self, turn: u64) {
        self.gone.push(turn);
        self.skip_gone();
    }

    fn skip_gone(&mut self) {
        while let Some(at) = self.gone.iter().position(|turn| *turn == self.serving) {
            self.gone.swap_remove(at);
            self.serving = self.serving.wrapping_add(1);
        }
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        let mut place = self.section.lock();
        place.value = self.value.take();
        place.serving = place.serving.wrapping_add(1);
        place.skip_gone();
        let waiting = place.serving != place.next;
        drop(place);
        if waiting {
            self.section.freed.notify_all();
        }
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[expect(
        clippy::expect_used,
        reason = "the value is present from `enter` to `drop`"
    )]
    fn deref(&self) -> &T {
        self.value.as_ref().expect("a held section holds its value")
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[expect(
        clippy::expect_used,
        reason = "the value is present from `enter` to `drop`"
    )]
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("a held section holds its value")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn one_at_a_time() {
        let section = Arc::new(TimedMutex::new(0_u64));
        let inside = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (section, inside) = (section.clone(), inside.clone());
                thread::spawn(move || {
                    for _ in 0..500 {
                        let mut held = section.enter(LONG).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        *held += 1;
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(*section.enter(LONG).unwrap(), 4_000);
    }

    #[test]
    fn who_runs_out_of_time_gets_nothing_and_blocks_nobody() {
        let section = TimedMutex::new(());
        let held = section.enter(LONG).unwrap();
        assert!(section.enter(SHORT).is_none());
        assert!(section.enter(Duration::ZERO).is_none());
        drop(held);
        assert!(section.enter(Duration::ZERO).is_some());
        assert!(section.enter(SHORT).is_some());
    }

    #[test]
    fn a_panic_inside_gives_the_value_back() {
        let section = Arc::new(TimedMutex::new(1));
        let inner = section.clone();
        let thread = thread::spawn(move || {
            let _held = inner.enter(LONG).unwrap();
            panic!("on purpose");
        });
        assert!(thread.join().is_err());
        assert_eq!(*section.enter(SHORT).unwrap(), 1);
    }
}
