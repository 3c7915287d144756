//! Taking all locks of a pair, or none; and looking without taking.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::os::process::holder::{Holder, Verdict};

use super::folder::PairFile;
use super::held::{Held, Lock, PairLockError, Remark};
use super::name::NameLock;
use super::range;
use super::retake::Retake;

/// Where a pair is locked besides its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// The file that holds the key, where one does.
    pub key_file: Option<PathBuf>,
    /// `lock_dir`: a folder that containers share.
    pub lock_dir: Option<PathBuf>,
}

/// All locks of a pair, held for as long as this lives.
#[derive(Debug)]
pub struct PairLock {
    name: Name,
    _key_file: Option<File>,
    _lock_dir: Option<File>,
    remarks: Vec<Remark>,
}

/// The name. It may be taken later, where another process had it.
#[derive(Clone, Debug)]
struct Name {
    name: String,
    lock: Arc<Mutex<Option<NameLock>>>,
}

/// A pair, as its locks name it.
struct Pair {
    name: String,
    /// The byte of the key's file.
    offset: u64,
}

impl Pair {
    fn of(chain_id: &str, public_key: &[u8]) -> Self {
        let mut hash = Sha256::new();
        // The length keeps (`a`, `bc`) and (`ab`, `c`) apart.
        let length = u64::try_from(chain_id.len()).unwrap_or(u64::MAX);
        hash.update(length.to_be_bytes());
        hash.update(chain_id.as_bytes());
        hash.update(public_key);
        let hash = hash.finalize();
        let digits = subtle_encoding::hex::encode(hash);
        Self {
            name: format!("tmkms-pair-{}", String::from_utf8_lossy(&digits)),
            offset: hash
                .first_chunk()
                .map_or(0, |first| u64::from_be_bytes(*first)),
        }
    }

    /// The process that has the name, for the message about another lock: mostly it is the same one.
    fn holder(&self) -> Holder {
        match NameLock::is_held(&self.name) {
            Ok(true) => NameLock::holder(&self.name),
            _ => Holder::default(),
        }
    }
}

impl PairLock {
    /// Takes every lock there is, or none.
    pub fn take(chain_id: &str, public_key: &[u8], scopes: &Scopes) -> Result<Self, PairLockError> {
        let pair = Pair::of(chain_id, public_key);
        let mut remarks = Vec::new();
        let key_file = match scopes.open_key_file()? {
            None => None,
            Some((path, file)) => match range::take(&file, pair.offset) {
                Ok(true) => Some(file),
                Ok(false) => return Err(held(Lock::KeyFile(path.to_owned()), pair.holder())),
                Err(error) => {
                    remarks.push(Remark::NotLockable(path.to_owned(), error.to_string()));
                    None
                }
            },
        };
        let lock_dir = match &scopes.lock_dir {
            None => None,
            Some(path) => {
                let file = PairFile::in_folder(path, &pair.name)?;
                match file.take()? {
                    None => return Err(held(Lock::Folder(path.clone()), file.holder())),
                    taken => taken,
                }
            }
        };
        let name = match NameLock::take(&pair.name).map_err(PairLockError::Name)? {
            Some(name) => Some(name),
            None => {
                let holder = NameLock::holder(&pair.name);
                let else_held = held_otherwise(key_file.is_some(), lock_dir.is_some());
                remarks.push(squatted(holder, else_held)?);
                None
            }
        };
        Ok(Self {
            name: Name {
                name: pair.name,
                lock: Arc::new(Mutex::new(name)),
            },
            _key_file: key_file,
            _lock_dir: lock_dir,
            remarks,
        })
    }

    /// What [`PairLock::take`] would meet, without taking anything: a look must not make a service that starts meanwhile
    /// fail.
    pub fn look(
        chain_id: &str,
        public_key: &[u8],
        scopes: &Scopes,
    ) -> Result<Vec<Remark>, PairLockError> {
        Self::look_at_all(&[chain_id.to_owned()], public_key, scopes)
    }

    /// The same of several, up to the first that is held.
    pub(super) fn look_at_all(
        chain_ids: &[String],
        public_key: &[u8],
        scopes: &Scopes,
    ) -> Result<Vec<Remark>, PairLockError> {
        let pairs = chain_ids.iter().map(|id| Pair::of(id, public_key));
        let pairs: Vec<Pair> = pairs.collect();
        let mut remarks = Vec::new();
        let mut key_file = false;
        if let Some((path, file)) = scopes.open_key_file()? {
            for pair in &pairs {
                match range::is_held(&file, pair.offset) {
                    Ok(true) => return Err(held(Lock::KeyFile(path.to_owned()), pair.holder())),
                    Ok(false) => key_file = true,
                    Err(error) => {
                        remarks.push(Remark::NotLockable(path.to_owned(), error.to_string()));
                        break;
                    }
                }
            }
        }
        if let Some(path) = &scopes.lock_dir {
            for pair in &pairs {
                let file = PairFile::in_folder(path, &pair.name)?;
                if file.is_held()? {
                    return Err(held(Lock::Folder(path.clone()), file.holder()));
                }
            }
        }
        let names: Vec<&str> = pairs.iter().map(|pair| &*pair.name).collect();
        match NameLock::held_of(&names) {
            Ok(taken) => {
                let else_held = held_otherwise(key_file, scopes.lock_dir.is_some());
                for name in taken {
                    remarks.push(squatted(NameLock::holder(name), else_held)?);
                }
            }
            Err(error) => remarks.push(Remark::NotSeen(error.to_string())),
        }
        Ok(remarks)
    }

    /// How to take the name, where another process had it.
    pub fn retake(&self) -> Option<Retake> {
        let squatted = |remark: &Remark| matches!(remark, Remark::Squatted(..));
        let squatted = self.remarks.iter().any(squatted);
        squatted.then(|| Retake::of(&self.name.name, &self.name.lock))
    }

    /// What the operator should know.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }
}

impl Scopes {
    /// The key's file, where there is one yet: an import writes the state first.
    fn open_key_file(&self) -> Result<Option<(&Path, File)>, PairLockError> {
        let Some(path) = &self.key_file else {
            return Ok(None);
        };
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits();
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(nonblocking).unwrap_or(0))
            .open(path);
        match opened {
            Ok(file) => Ok(Some((path, file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(PairLockError::KeyFile {
                path: path.to_owned(),
                source,
            }),
        }
    }
}

fn held(by: Lock, holder: Holder) -> PairLockError {
    PairLockError::Held(Held { by, holder })
}

/// The locks that a squatter on the name cannot have, in words.
fn held_otherwise(key_file: bool, lock_dir: bool) -> Option<&'static str> {
    match (key_file, lock_dir) {
        (true, true) => Some("on the key's file and in lock_dir"),
        (true, false) => Some("on the key's file"),
        (false, true) => Some("in lock_dir"),
        (false, false) => None,
    }
}

/// Another process has the name. Where it is another program or another user's, and another lock keeps real signers away,
/// it stops nothing.
fn squatted(holder: Holder, held_otherwise: Option<&'static str>) -> Result<Remark, PairLockError> {
    match (holder.verdict_beside_a_lock(), held_otherwise) {
        (Verdict::Squatter, Some(locks)) => Ok(Remark::Squatted(holder, locks)),
        _ => Err(held(Lock::Name, holder)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::pair_lock::Retaken;
    use crate::os::process::holder::Program;

    #[test]
    fn another_program_stops_only_what_nothing_else_locks() {
        let holder = |program| Holder {
            program,
            ..Holder::default()
        };
        let nc = || holder(Program::Other("nc".to_owned()));
        for locks in [(true, false), (false, true), (true, true)] {
            assert!(squatted(nc(), held_otherwise(locks.0, locks.1)).is_ok());
        }
        assert!(squatted(nc(), held_otherwise(false, false)).is_err());
        for signer in [Program::Tmkms("tmkms".to_owned()), Program::Unknown] {
            assert!(squatted(holder(signer), Some("in lock_dir")).is_err());
        }
    }

    #[test]
    fn another_user_stops_only_what_nothing_else_locks_whatever_the_program_is_called() {
        let me = rustix::process::geteuid().as_raw();
        let holder = |pid, uid, program| Holder {
            pid,
            uid: Some(uid),
            program,
            host: None,
        };
        let tmkms = || Program::Tmkms("tmkms".to_owned());
        let other = if me == 65_533 { 65_532 } else { 65_533 };
        let stops = |holder, locks| squatted(holder, locks).is_err();
        let key = Some("on the key's file");
        for program in [tmkms(), Program::Unknown] {
            assert!(!stops(holder(Some(7), other, program.clone()), key));
            assert!(stops(holder(Some(7), other, program.clone()), None));
            // This user's, root's, and one of which nobody knows who it is.
            assert!(stops(holder(Some(7), me, program.clone()), key));
            assert!(stops(holder(Some(7), 0, program.clone()), key));
            assert!(stops(holder(None, other, program.clone()), key));
        }
        let remark = squatted(holder(Some(7), other, tmkms()), key)
            .unwrap()
            .to_string();
        let begin = format!("process 7 (tmkms, user {other}) is of another user and occupies");
        assert!(remark.starts_with(&begin), "{remark}");
    }

    #[test]
    fn the_name_is_taken_when_whoever_had_it_leaves() {
        let chain = format!("retake-{}", std::process::id());
        let pair = Pair::of(&chain, b"key");
        let squatter = NameLock::take(&pair.name).unwrap();
        let name = Name {
            name: pair.name.clone(),
            lock: Arc::default(),
        };
        let retake = Retake::of(&name.name, &name.lock);
        assert_eq!(retake.try_again(), Retaken::NotYet);
        drop(squatter);
        assert_eq!(retake.try_again(), Retaken::Taken);
        assert!(NameLock::is_held(&pair.name).unwrap());
        // With the locks it belongs to it goes.
        drop(name);
        assert!(!NameLock::is_held(&pair.name).unwrap());
        assert_eq!(retake.try_again(), Retaken::NotNeeded);
        assert!(!NameLock::is_held(&pair.name).unwrap());
    }
}
