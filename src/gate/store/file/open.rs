//! Everything that is asked of a state file before it is trusted.
//!
//! A file that is missing, empty, of another chain or key, copied, damaged in both halves, or that another
//! process holds is not used; nothing is ever reset (W6, W7, W15).

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::consensus::{ChainId, PublicKey};
use crate::os::filesystem::{self, Provenance};

use super::record::{self, BadCopy, COPY, Entry, FILE, SLOT};

/// Why a state file is not used. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file.
    #[error(
        "there is no state file {}; if this key has never signed on this chain run `tmkms state init {chain} \
         --never-signed`, if it has, bring its state with `tmkms state import {chain} FILE` or say the last height \
         with `tmkms state init {chain} --height H`", path.display()
    )]
    Missing {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
    },
    /// The file is empty, as after a crash of a program that does not flush.
    #[error(
        "the state file {} is empty; look up the last height this key signed and run `tmkms state init {chain} \
         --height H` after moving the empty file away", path.display()
    )]
    Empty {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
    },
    /// The file is a symbolic link.
    #[error("the state file {} is a symbolic link; name the file itself in `state_file`", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// The path is a folder, a device or the like.
    #[error("the state file {} is not a regular file; name a file in `state_file`", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Somebody else may write to the file.
    #[error("others may write to the state file {p}; run `chmod 600 {p}` and look at its content", p = path.display())]
    Writable {
        /// The file.
        path: PathBuf,
    },
    /// Another process has the file locked.
    #[error(
        "the state file {} is in use by another process; two signers for one key are a double sign in waiting: \
         stop the other one first", path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Another process (or another chain entry) signs with this key on this chain.
    #[error(
        "another process on this host already signs for chain {chain} with this key, from another state file; \
         stop it first, or remove one of the two configurations"
    )]
    PairLocked {
        /// The chain.
        chain: ChainId,
    },
    /// The file system forgets, or is shared with other hosts.
    #[error(
        "the state file {} lies on {kind}, which does not protect it; move it to a local disk, or, if you accept \
         the loss of double-sign protection, set `allow_ephemeral_state = true` in this [[chain]]", path.display()
    )]
    Ephemeral {
        /// The file.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
    /// The file is not one of ours.
    #[error(
        "the state file {} is not in this program's format (it has {size} bytes, not {FILE}); if it is the state of \
         another signer take it over with `tmkms state import {chain} {}`", path.display(), path.display()
    )]
    Foreign {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// Neither half of the file can be read.
    #[error(
        "the state file {} cannot be read (first half: {first}; second half: {second}); keep it for inspection, look \
         up the last height this key signed, and run `tmkms state init {chain} --height H` after moving it away",
        path.display()
    )]
    Unreadable {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// What is wrong with the first slot.
        first: BadCopy,
        /// What is wrong with the second slot.
        second: BadCopy,
    },
    /// The two halves do not follow each other.
    #[error(
        "the two halves of the state file {} do not follow each other (sequences {first} and {second}): a part of it \
         was restored or written by another program; look up the last height this key signed, move the file away \
         and run `tmkms state init {chain} --height H`", path.display()
    )]
    NotNeighbours {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// The first slot's sequence.
        first: u64,
        /// The second slot's sequence.
        second: u64,
    },
    /// The file belongs to another chain.
    #[error("the state file {} belongs to chain {found}, not to {chain}; correct `state_file`", path.display())]
    OtherChain {
        /// The chain configured.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// The chain in the file.
        found: ChainId,
    },
    /// The file belongs to another key.
    #[error(
        "the state file {} of chain {chain} belongs to the key {found:?}, and the key configured is {configured:?}; \
         after a change of keys give the new key a state file of its own", path.display()
    )]
    OtherKey {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
        /// The key in the file.
        found: PublicKey,
        /// The key configured.
        configured: PublicKey,
    },
    /// The file was copied or restored (W15).
    #[error(
        "the state file {p} was copied or restored: it is not the file that this program wrote, so it may be older than \
         the last signature. If no other signer has run since, take it over with `tmkms state import {chain} {p}`, \
         which shows the heights first", p = path.display()
    )]
    Copied {
        /// The chain.
        chain: ChainId,
        /// The file.
        path: PathBuf,
    },
    /// The system said no.
    #[error("the state file {} cannot be used: {doing}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl OpenError {
    /// Whether another process holds this chain; such a chain is not dialled at all (W7).
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::PairLocked { .. })
    }
}

/// Opens the file and locks it, without believing anything in it yet.
pub(super) fn locked(path: &Path, chain: &ChainId, ephemeral: bool) -> Result<File, OpenError> {
    let io = |doing| {
        move |source| OpenError::Io {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::Missing {
                chain: chain.clone(),
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(io("looking at it")(error)),
    };
    if found.file_type().is_symlink() {
        return Err(OpenError::Link {
            path: path.to_owned(),
        });
    }
    if !found.is_file() {
        return Err(OpenError::NotAFile {
            path: path.to_owned(),
        });
    }
    if found.mode() & 0o022 != 0 {
        return Err(OpenError::Writable {
            path: path.to_owned(),
        });
    }
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)
        .map_err(io("opening it for writing"))?;
    if !ephemeral
        && let Some(kind) =
            filesystem::ephemeral(&file).map_err(io("asking for its file system"))?
    {
        return Err(OpenError::Ephemeral {
            path: path.to_owned(),
            kind,
        });
    }
    lock(&file, path)?;
    Ok(file)
}

/// Locks an open file, or says that another process has.
pub(super) fn lock(file: &File, path: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io {
            path: path.to_owned(),
            doing: "locking it",
            source,
        }),
    }
}

/// Reads the two slots. The second value says why one of them could not be read.
pub(super) fn read(
    file: &File,
    path: &Path,
    chain: &ChainId,
) -> Result<(Entry, Option<String>), OpenError> {
    let io = |doing| {
        move |source| OpenError::Io {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    let size = file.metadata().map_err(io("asking for its size"))?.len();
    if size == 0 {
        return Err(OpenError::Empty {
            chain: chain.clone(),
            path: path.to_owned(),
        });
    }
    if usize::try_from(size) != Ok(FILE) {
        return Err(OpenError::Foreign {
            chain: chain.clone(),
            path: path.to_owned(),
            size,
        });
    }
    let mut bytes = vec![0; FILE];
    file.read_exact_at(&mut bytes, 0)
        .map_err(io("reading it"))?;
    match newest(&bytes) {
        Newest::Good(entry, damage) => Ok((*entry, damage)),
        Newest::Unreadable(first, second) => Err(OpenError::Unreadable {
            chain: chain.clone(),
            path: path.to_owned(),
            first,
            second,
        }),
        Newest::NotNeighbours(first, second) => Err(OpenError::NotNeighbours {
            chain: chain.clone(),
            path: path.to_owned(),
            first,
            second,
        }),
    }
}

/// What two slots say together.
pub enum Newest {
    /// The newest record, and why the other slot could not be read, if so.
    Good(Box<Entry>, Option<String>),
    /// Neither slot can be read.
    Unreadable(BadCopy, BadCopy),
    /// The slots' sequences are not neighbours.
    NotNeighbours(u64, u64),
}

/// Reads a whole file's bytes; pure, so that the fuzzer can have it.
pub fn newest(bytes: &[u8]) -> Newest {
    let (first, second) = bytes.split_at(SLOT.min(bytes.len()));
    match (slot(first, 0), slot(second, 1)) {
        (Ok(first), Ok(second)) => {
            let (one, two) = (first.record.sequence, second.record.sequence);
            let same = first.chain_id == second.chain_id && first.public_key == second.public_key;
            if one.abs_diff(two) != 1 || !same {
                return Newest::NotNeighbours(one, two);
            }
            Newest::Good(Box::new(if one > two { first } else { second }), None)
        }
        (Ok(entry), Err(bad)) => Newest::Good(
            Box::new(entry),
            Some(format!("its second half cannot be read: {bad}")),
        ),
        (Err(bad), Ok(entry)) => Newest::Good(
            Box::new(entry),
            Some(format!("its first half cannot be read: {bad}")),
        ),
        (Err(first), Err(second)) => Newest::Unreadable(first, second),
    }
}

/// A slot is good if either copy is; of two different good copies the newer one counts (a torn write).
fn slot(bytes: &[u8], index: u64) -> Result<Entry, BadCopy> {
    let (first, second) = bytes.split_at(COPY.min(bytes.len()));
    let entry = match (record::decode(first), record::decode(second)) {
        (Ok(first), Ok(second)) if second.record.sequence > first.record.sequence => second,
        (Ok(first), _) => first,
        (Err(_), Ok(second)) => second,
        (Err(bad), Err(_)) => return Err(bad),
    };
    if entry.record.sequence % 2 == index {
        Ok(entry)
    } else {
        Err(BadCopy("it holds the record of the other half".to_owned()))
    }
}

/// Whether the record belongs to this chain, this key and this very file.
pub(super) fn belongs(
    entry: &Entry,
    path: &Path,
    chain: &ChainId,
    key: &PublicKey,
    provenance: &Provenance,
) -> Result<(), OpenError> {
    let path = path.to_owned();
    if entry.chain_id != *chain {
        return Err(OpenError::OtherChain {
            chain: chain.clone(),
            path,
            found: entry.chain_id.clone(),
        });
    }
    if entry.public_key != *key {
        let (found, configured) = (entry.public_key, *key);
        return Err(OpenError::OtherKey {
            chain: chain.clone(),
            path,
            found,
            configured,
        });
    }
    if !entry.provenance.agrees_with(provenance) {
        return Err(OpenError::Copied {
            chain: chain.clone(),
            path,
        });
    }
    Ok(())
}
