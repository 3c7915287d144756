//! What there is to say of locks: of those that are held, and of those that another process has.

use std::io;
use std::path::PathBuf;

use crate::os::process::holder::Holder;

use super::folder::FolderError;

/// What the operator should know of locks that are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Another program has the name; the pair is locked by what is named in the second value.
    Squatted(Holder, &'static str),
    /// The key's file cannot be locked where it lies.
    NotLockable(PathBuf, String),
    /// Whether a process has the name cannot be seen.
    NotSeen(String),
}

/// Where another process has a lock, and who it is as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which lock.
    pub by: Lock,
    /// Who has it.
    pub holder: Holder,
}

/// One of the locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// The name.
    Name,
    /// The key's file.
    KeyFile(PathBuf),
    /// The file in this `lock_dir`.
    Folder(PathBuf),
}

/// Why the locks were not taken.
#[derive(Debug, thiserror::Error)]
pub enum PairLockError {
    /// Another process signs with this key on this chain, or keeps this one from it.
    #[error("{0}")]
    Held(Held),
    /// `lock_dir` cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The key's file cannot be opened.
    #[error("the key file {} cannot be opened to lock it: {source}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no such names.
    #[error("the name of the lock cannot be taken: {0}")]
    Name(io::Error),
}
