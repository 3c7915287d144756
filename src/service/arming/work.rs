//! The thread that works on a chain: at most one.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::threads::{STACK, spawn};

/// The thread that works on a chain, if one does. Clones are of the same chain.
#[derive(Clone, Default)]
pub(in crate::service) struct Work(Arc<Mutex<Option<JoinHandle<()>>>>);

impl Work {
    /// Begins, unless somebody is at it. A panic ends that work alone, and the next one begins.
    pub fn begin(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut thread = self.0.lock();
        if thread.as_ref().is_none_or(JoinHandle::is_finished) {
            *thread = Some(spawn(name, STACK, work)?);
        }
        Ok(())
    }
}
