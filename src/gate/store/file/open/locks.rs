//! Opening a state file and taking its locks, before anything in it is believed (W6).

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::os::files::filesystem;
use crate::os::files::strangers;
use crate::os::pair_lock::{PairLock, PairLockError, Remark};
use crate::os::process::holder::Holder;

use crate::gate::store::file::error::OpenError;
use crate::gate::store::file::place::StateFile;

/// Takes both locks. The file's comes first, and anyone who does not get it takes no other: of several at once one gets
/// both. Whatever else is wrong with the file, anyone who holds the pair signs with this key (W7).
pub(in crate::gate::store::file) fn both_locks(
    place: &StateFile,
) -> Result<(File, PairLock), OpenError> {
    let path = &place.path;
    let file = match locked(place, place.allow_ephemeral) {
        Err(error @ OpenError::Locked { .. }) => return Err(error),
        other => other,
    };
    let pair = lock_pair(place)?;
    let file = file?;
    // Until the lock was had, its holder could put a newer one in its place.
    match is_at(&file, path) {
        true => Ok((file, pair)),
        false => Err(OpenError::Locked {
            path: path.to_owned(),
            holder: Holder::default(),
        }),
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let named = |found: &std::fs::Metadata| (found.dev(), found.ino());
    let there = std::fs::symlink_metadata(path);
    let mine = file.metadata();
    there.is_ok_and(|there| mine.is_ok_and(|mine| named(&mine) == named(&there)))
}

/// Takes the lock on chain and key: one signer's, one of several that share a store, or one share's.
pub(in crate::gate::store::file) fn lock_pair(place: &StateFile) -> Result<PairLock, OpenError> {
    let (chain, key) = (place.chain_id.as_str(), place.public_key.as_bytes());
    let taken = match (place.share, place.shared) {
        (Some(share), _) => PairLock::take_share(chain, key, share, &place.scopes),
        (None, false) => PairLock::take_alone(chain, key, &place.scopes),
        (None, true) => PairLock::take_shared(chain, key, &place.scopes),
    };
    taken.map_err(|error| no_pair_lock(place, error))
}

/// What [`lock_pair`] would meet, without taking anything.
pub(in crate::gate::store::file) fn look_at_pair(
    place: &StateFile,
) -> Result<Vec<Remark>, OpenError> {
    let (chain, key) = (place.chain_id.as_str(), place.public_key.as_bytes());
    let seen = match (place.share, place.shared) {
        (Some(share), _) => PairLock::look_share(chain, key, share, &place.scopes),
        (None, false) => PairLock::look_alone(chain, key, &place.scopes),
        (None, true) => PairLock::look(chain, key, &place.scopes),
    };
    seen.map_err(|error| no_pair_lock(place, error))
}

fn no_pair_lock(place: &StateFile, error: PairLockError) -> OpenError {
    let chain = place.chain_id.clone();
    match error {
        PairLockError::Held(held) => OpenError::PairLocked { chain, held },
        why => OpenError::NoPairLock { chain, why },
    }
}

/// Opens the file and locks it, without believing anything in it yet.
pub(in crate::gate::store::file) fn locked(
    place: &StateFile,
    ephemeral: bool,
) -> Result<File, OpenError> {
    let file = unlocked(place, ephemeral)?;
    lock(&file, &place.path)?;
    Ok(file)
}

/// Opens the file for reading and writing, if it is one that may be used at all.
pub(in crate::gate::store::file) fn unlocked(
    place: &StateFile,
    ephemeral: bool,
) -> Result<File, OpenError> {
    let path = place.path.as_path();
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
                chain: place.chain_id.clone(),
                path: path.to_owned(),
                commands: place.commands.clone(),
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
    safe_folder(path)?;
    let (owner, me) = (found.uid(), rustix::process::geteuid().as_raw());
    if let Some(others) = others_may_write(owner, me, found.mode()) {
        let path = path.to_owned();
        return Err(match others {
            Others::Owner => OpenError::Owner { path, owner, me },
            Others::Mode => OpenError::Writable { path, owner },
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
    Ok(file)
}

/// A state file in a folder that everybody may write to is not one: it may be another by now.
pub(in crate::gate::store::file) fn safe_folder(path: &Path) -> Result<(), OpenError> {
    strangers::around(path)
        .map(drop)
        .map_err(|exposed| OpenError::Replaceable {
            path: path.to_owned(),
            exposed,
        })
}

/// Why somebody else than this process's user and root could write to a file.
#[derive(Debug, PartialEq, Eq)]
enum Others {
    Owner,
    Mode,
}

/// Who may write to a file of user `owner` besides user `me` and root (0), who may do anything. Root works for the
/// service's user, so any owner is right for it.
fn others_may_write(owner: u32, me: u32, mode: u32) -> Option<Others> {
    if me != 0 && owner != 0 && owner != me {
        return Some(Others::Owner);
    }
    (mode & 0o022 != 0).then_some(Others::Mode)
}

/// Takes the lock of whatever lies there, and gives it back.
pub(in crate::gate::store::file) fn probe(path: &Path) -> Result<(), OpenError> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)
        .map_err(|source| OpenError::Io {
            path: path.to_owned(),
            doing: "opening it",
            source,
        })?;
    lock(&file, path)
}

/// Locks an open file, or says that another process has.
pub(in crate::gate::store::file) fn lock(file: &File, path: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
            path: path.to_owned(),
            holder: file
                .metadata()
                .ok()
                .and_then(|file| Holder::of_flock(&file))
                .unwrap_or_default(),
        }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io {
            path: path.to_owned(),
            doing: "locking it",
            source,
        }),
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::consensus::PublicKey;

    #[test]
    fn a_file_that_another_user_may_write_is_not_believed() {
        const ROOT: u32 = 0;
        const ME: u32 = 1000;
        const OTHER: u32 = 1001;
        for mode in 0..=0o7777 {
            // Whatever its owner: write bits of the group or the others.
            let by_mode = (mode & 0o022 != 0).then_some(Others::Mode);
            for (owner, me) in [(ME, ME), (ROOT, ME), (ROOT, ROOT), (OTHER, ROOT)] {
                assert_eq!(
                    others_may_write(owner, me, mode),
                    by_mode,
                    "{owner} {me} {mode:o}"
                );
            }
            // Its owner can give himself the right to write at any time, so the mode says nothing.
            assert_eq!(
                others_may_write(OTHER, ME, mode),
                Some(Others::Owner),
                "{mode:o}"
            );
        }
    }

    /// Giving a file away needs root; elsewhere the rule above is all that is tested.
    #[test]
    fn the_owner_is_that_of_the_file() {
        use std::os::unix::fs::{PermissionsExt, chown};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let at = |path: &Path| StateFile {
            chain_id: "test-1".parse().unwrap(),
            public_key: PublicKey::Ed25519([7; 32]),
            share: None,
            path: path.to_owned(),
            allow_ephemeral: true,
            shared: false,
            scopes: Default::default(),
            commands: crate::remedy::Commands::default(),
        };
        let opened = || unlocked(&at(&path), true);
        assert!(opened().is_ok());
        if chown(&path, Some(1001), None).is_ok() {
            assert!(opened().is_ok(), "root works for another user");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o620)).unwrap();
        assert!(matches!(opened(), Err(OpenError::Writable { .. })));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(
            unlocked(&at(&link), true),
            Err(OpenError::Link { .. })
        ));
    }
}
