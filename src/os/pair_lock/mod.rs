//! The locks on a pair of chain id and public key, so that two signers with one key refuse each other (W6).
//!
//! Each reaches as far as something is shared. The name reaches every process of one network namespace, whatever files it
//! has. The key's file reaches every process that has this very file, through bind mounts and in any container, and no
//! copy of it. A file in `lock_dir` reaches every container that has this folder mounted, whatever keys and states it has.
//! The names are hashes, so neither chain nor key can be read from them.

mod folder;
mod held;
mod lock;
mod name;
mod range;
mod retake;
mod sharers;
mod told;

pub use folder::FolderError;
pub use held::{Held, Lock, PairLockError, Remark};
pub use lock::{PairLock, Scopes};
pub use name::NameLock;
pub use retake::{Retake, Retaken};
pub use sharers::SHARES;
