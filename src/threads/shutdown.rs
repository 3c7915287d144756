//! How the service is told to end, and why.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::os::process::signals::Arrived;

/// Why the service ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShutdownCause {
    /// The program that runs it asked: a clean end.
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
        let mut set = self.cause.lock();
        set.get_or_insert(cause);
        drop(set);
        self.condvar.notify_all();
    }

    /// Waits for at most `time`; `true` when everyone is asked to stop.
    pub fn wait(&self, time: Duration) -> bool {
        let mut set = self.cause.lock();
        self.condvar
            .wait_while_for(&mut set, |set| set.is_none(), time);
        set.is_some()
    }

    /// Whether everyone is asked to stop.
    pub fn is_set(&self) -> bool {
        self.cause().is_some()
    }

    /// Why, if so.
    pub fn cause(&self) -> Option<ShutdownCause> {
        self.cause.lock().clone()
    }
}
