//! The thread that works on a chain: at most one.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::threads::{STACK, spawn};

/// How often one who waits looks whether the other is done.
const LOOK: Duration = Duration::from_millis(10);

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

    /// Does this, as soon as nobody is at it, and gives what comes of it; `None` where somebody was for all of `patience`, or
    /// after a panic.
    pub fn alone<T: Send + 'static>(
        &self,
        name: &str,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Option<T>> {
        let (tell, told) = channel();
        let end = Instant::now() + patience;
        loop {
            let mut thread = self.0.lock();
            if thread.as_ref().is_none_or(JoinHandle::is_finished) {
                *thread = Some(spawn(name, STACK, move || {
                    // Whoever asked waits below.
                    let _ = tell.send(work());
                })?);
                break;
            }
            drop(thread);
            if Instant::now() >= end {
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
        Ok(told.recv().ok())
    }
}
