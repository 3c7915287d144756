//! Whether a device's thread comes back from its device in time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much later than it should a request may end before its thread hangs.
const OVERDUE: Duration = Duration::from_secs(3);

/// What one thread is about, for those who watch it.
pub(super) struct WorkerHealth {
    born: Instant,
    /// Milliseconds from `born` to when what it does should have ended long ago; 0 while it waits for requests.
    due: AtomicU64,
    abandoned: AtomicBool,
}

impl WorkerHealth {
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            due: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
        }
    }

    pub(super) fn begin(&self, until: Instant) {
        let due = until.saturating_duration_since(self.born) + OVERDUE;
        let due = u64::try_from(due.as_millis()).unwrap_or(u64::MAX);
        self.due.store(due, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.due.store(0, Ordering::Relaxed);
    }

    /// Whether what it does should have ended by now: others would wait in vain.
    pub(super) fn is_late(&self) -> bool {
        let due = Duration::from_millis(self.due.load(Ordering::Relaxed));
        !due.is_zero() && self.born.elapsed() + OVERDUE > due
    }

    /// Whether its device has not come back to it for too long.
    pub(super) fn hangs(&self) -> bool {
        let due = self.due.load(Ordering::Relaxed);
        due != 0 && self.born.elapsed() > Duration::from_millis(due)
    }

    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }
}
