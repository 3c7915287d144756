//! Why the service does not run, or ended by itself.

use crate::config::AddressNotKnown;
use crate::os::process::signals::Arrived;

/// Why the service does not run, or ended by itself. Exit code 1: each of these can heal, so it is worth another start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Other processes hold every chain. A second `start` by mistake ends with this, and does not lie in wait.
    #[error("every configured chain is already held by another process: {0}")]
    NoChain(String),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}; look at this host's limits of threads and memory")]
    Thread(std::io::Error),
    /// The configuration was not read for dialling.
    #[error(transparent)]
    Address(#[from] AddressNotKnown),
    /// Signals could not be taken.
    #[error("signals cannot be taken: {0}")]
    Signals(std::io::Error),
    /// All links ended and none is to be dialled again.
    #[error("every link has ended, and all validators say `reconnect = false`")]
    AllEnded,
    /// A signal that is an emergency.
    #[error("ended by {0}")]
    Signal(Arrived),
    /// A thread ended by a bug, which the log shows.
    #[error("the thread `{0}` ended by a bug; please report the line above that says where")]
    Panicked(String),
}
