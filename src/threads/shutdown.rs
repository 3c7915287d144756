//! How the service is told to end, and why.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::os::process::signals::Arrived;

/// Why the service ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShutdownCause {
    /// Whoever runs it asked: a clean end.
    Asked,
    /// A signal that asks for an end: clean.
    Signal(Arrived),
    /// A signal that is an emergency: not clean, so that a service manager starts it again.
    Emergency(Arrived),
    /// All links ended, and none is to be dialled again.
    AllEnded,
    /// Other processes hold every chain.
    NoChain(String),
    /// A thread of this name ended by a bug.
    Panicked(String),
}

/// Tells all threads to end.
#[derive(Debug, Default)]
pub struct Shutdown {
    /// The first cause counts.
    cause: Mutex<Option<ShutdownCause>>,
    condvar: Condvar,
}

impl Shutdown {
    /// Asks everyone to stop.
    pub fn trigger(&self) {
        self.trigger_for(ShutdownCause::Asked);
    }

    /// Asks everyone to stop and says why, unless that was said already.
    pub fn trigger_for(&self, cause: ShutdownCause) {
        let mut set = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        set.get_or_insert(cause);
        drop(set);
        self.condvar.notify_all();
    }

    /// Waits for at most `time`; `true` when everyone is asked to stop.
    pub fn wait(&self, time: Duration) -> bool {
        let set = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        let (set, _) = self
            .condvar
            .wait_timeout_while(set, time, |set| set.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        set.is_some()
    }

    /// Whether everyone is asked to stop.
    pub fn is_set(&self) -> bool {
        self.cause().is_some()
    }

    /// Why, if so.
    pub fn cause(&self) -> Option<ShutdownCause> {
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        cause.clone()
    }
}
