//! The name of a pair, once its holder has left.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::name::NameLock;

/// How to take the name for locks that are held without it. Does not keep them.
#[derive(Clone, Debug)]
pub struct Retake {
    name: String,
    lock: Weak<Mutex<Option<NameLock>>>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retaken {
    /// The name is this process's now.
    Taken,
    /// Another process still has it.
    NotYet,
    /// The locks are not held any more.
    NotNeeded,
}

impl Retake {
    pub(super) fn of(name: &str, lock: &Arc<Mutex<Option<NameLock>>>) -> Self {
        Self {
            name: name.to_owned(),
            lock: Arc::downgrade(lock),
        }
    }

    /// Tries once; waits for nobody.
    pub fn try_again(&self) -> Retaken {
        let Some(lock) = self.lock.upgrade() else {
            return Retaken::NotNeeded;
        };
        match NameLock::take(&self.name) {
            Ok(Some(name)) => {
                *lock.lock() = Some(name);
                Retaken::Taken
            }
            Ok(None) | Err(_) => Retaken::NotYet,
        }
    }
}
