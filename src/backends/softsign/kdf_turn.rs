//! One passphrase at a time: what opens an encrypted key takes 16 MiB here, and up to 128 MiB for files of other programs. A
//! hundred chains are armed at the same moment.

use parking_lot::{Mutex, MutexGuard};

/// Whose turn it is. One for all key files of a process.
#[derive(Debug, Default)]
pub struct KdfTurn(Mutex<()>);

impl KdfTurn {
    /// Waits for those before, some seconds each at most. Never on the way of a request.
    pub fn wait(&self) -> MutexGuard<'_, ()> {
        self.0.lock()
    }
}
