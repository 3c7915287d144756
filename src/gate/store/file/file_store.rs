//! The store of one host: an open and locked state file.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::gate::store::interface::{Store, StoreError};
use crate::gate::store::moved::Moved;
use crate::gate::store::record::{Origin, Record, Seen};
use crate::gate::used_up::UsedUp;
use crate::gate::watermark::Watermark;
use crate::os::files::paths::folder_of;
use crate::os::files::rename::to_new_name;
use crate::os::pair_lock::{PairLock, Remark, Retake};

use super::error::OpenError;
use super::folder::sweep;
use super::format::Entry;
use super::layout::Layout;
use super::medium::{FileSystem, Medium};
use super::open::locks;
use super::open::look::{FoundFile, look};
use super::place::StateFile;
use super::restored::familiar::Familiar;

/// An open and locked state file.
pub struct FileStore {
    pub(super) place: StateFile,
    pub(super) file: File,
    pub(super) folder: File,
    /// Device and inode of the locked file: what the path must still name.
    pub(super) named: (u64, u64),
    pub(super) entry: Entry,
    pub(super) damage: Option<String>,
    pub(super) familiar: Familiar,
    /// Why nothing may be written in place any more, once a write or flush has failed.
    pub(super) failed: Option<String>,
    /// The mark of a clean stop may name the last record: nothing is written any more.
    pub(super) closed: bool,
    pub(super) medium: Box<dyn Medium>,
    pub(super) slot: Vec<u8>,
    pub(super) pair: PairLock,
}

/// What a file must be to be opened.
enum Belief {
    /// What `start` would go on from.
    Armable,
    /// What this program wrote last, also where somebody else goes on from it.
    LastWritten,
    /// Whatever it is.
    Anything,
}

impl FileStore {
    /// Locks and reads a state file that must be this chain's and this key's.
    pub fn open(place: &StateFile) -> Result<Self, OpenError> {
        Self::open_on(place, Box::new(FileSystem))
    }

    /// Whether no other process holds the file. Any other trouble with it is for [`FileStore::open`] to tell.
    ///
    /// # Errors
    /// [`OpenError::Locked`].
    pub fn is_free(path: &Path) -> Result<(), OpenError> {
        match locks::probe(path) {
            Err(error @ OpenError::Locked { .. }) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether chain and key are locked by nobody, as far as a look can tell that takes nothing. Gives what the operator
    /// should know of the locks.
    ///
    /// # Errors
    /// [`OpenError::PairLocked`], [`OpenError::NoPairLock`].
    pub fn pair_is_free(place: &StateFile) -> Result<Vec<Remark>, OpenError> {
        locks::look_at_pair(place)
    }

    /// [`FileStore::open`] with another way to write, for tests.
    pub fn open_on(place: &StateFile, medium: Box<dyn Medium>) -> Result<Self, OpenError> {
        let (file, pair) = locks::both_locks(place)?;
        Self::read(place, file, pair, medium, Belief::Armable)
    }

    /// As [`FileStore::open`], but accepts a file that was copied or restored (W15): for commands that show it and ask
    /// first, and then [`FileStore::set`] it.
    pub fn open_copied(place: &StateFile) -> Result<Self, OpenError> {
        let (file, pair) = locks::both_locks(place)?;
        Self::read(place, file, pair, Box::new(FileSystem), Belief::Anything)
    }

    /// As [`FileStore::open`], but accepts a state that was handed over: for the command that takes it back. A copy of such
    /// a state may be older than what was signed since, so it is refused (W15).
    pub fn open_given_away(place: &StateFile) -> Result<Self, OpenError> {
        Self::open_given_away_on(place, Box::new(FileSystem))
    }

    /// [`FileStore::open_given_away`] with another way to write, for tests.
    pub fn open_given_away_on(
        place: &StateFile,
        medium: Box<dyn Medium>,
    ) -> Result<Self, OpenError> {
        let (file, pair) = locks::both_locks(place)?;
        Self::read(place, file, pair, medium, Belief::LastWritten)
    }

    fn read(
        place: &StateFile,
        file: File,
        pair: PairLock,
        medium: Box<dyn Medium>,
        belief: Belief,
    ) -> Result<Self, OpenError> {
        let path = &place.path;
        let io = |doing| {
            move |source| OpenError::Io {
                path: path.clone(),
                doing,
                source,
            }
        };
        let found = look(place, &file, &*medium)?;
        let found = match belief {
            Belief::Armable => found.armable()?,
            Belief::LastWritten => found.last_written()?,
            Belief::Anything => FoundFile {
                familiar: Ok(Familiar::Times),
                ..found
            },
        };
        let meta = file.metadata().map_err(io("asking for its inode"))?;
        sweep(path);
        Ok(Self {
            place: place.clone(),
            folder: File::open(folder_of(path)).map_err(io("opening its folder"))?,
            named: (meta.dev(), meta.ino()),
            entry: found.entry,
            file,
            damage: found.damage,
            familiar: found.familiar.unwrap_or(Familiar::Times),
            failed: None,
            closed: false,
            medium,
            slot: Vec::with_capacity(Layout::of(place.public_key.key_type()).slot()),
            pair,
        })
    }

    /// The record last loaded or made durable.
    pub fn record(&self) -> &Record {
        &self.entry.record
    }

    /// Sets the watermark for good, in a new file: for commands. `reached` is the wall time when it was reached.
    pub fn set(
        mut self,
        watermark: &Watermark,
        origin: Origin,
        reached: Duration,
    ) -> Result<(), StoreError> {
        self.rebuild(watermark, origin, reached)?;
        // Without its mark a change of owner or mode needs a take-over, and no more than that.
        let _ = self.close();
        Ok(())
    }

    /// Whether the file system gives birth times. Where it does not, less is known of a restored file (W15).
    pub fn has_birth(&self) -> bool {
        self.entry.provenance.birth.is_some()
    }

    /// What the file means for the chain and key.
    pub fn used_up(&self) -> UsedUp {
        UsedUp::of(self.record(), self.damage.is_some())
    }

    /// What the operator should know of the locks that are held.
    pub fn remarks(&self) -> &[Remark] {
        self.pair.remarks()
    }

    /// How to take the name of the lock later, where another process had it.
    pub fn retake(&self) -> Option<Retake> {
        self.pair.retake()
    }

    /// What this host has seen of the shared store, where the chain has one.
    pub fn seen(&self) -> Option<Seen> {
        self.entry.shared
    }

    /// Sets what the next write says of the chain's last move.
    pub fn arrived(mut self, moved: Moved) -> Self {
        self.entry.moved = Some(moved);
        self
    }

    /// Sets what the next write says of the shared store.
    pub fn see(&mut self, seen: Option<Seen>) {
        self.entry.shared = seen;
    }

    /// Moves the file to a new name beside it, which is given: nothing signs by it any more.
    ///
    /// # Errors
    /// [`OpenError::Io`].
    pub fn put_aside(self) -> Result<PathBuf, OpenError> {
        let path = &self.place.path;
        let mut number = 0_u32;
        loop {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".abandoned-{number}"));
            let aside = path.with_file_name(name);
            match to_new_name(path, &aside) {
                Ok(()) => return Ok(aside),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    number = number.saturating_add(1);
                }
                Err(source) => {
                    return Err(OpenError::Io {
                        path: path.clone(),
                        doing: "moving it aside",
                        source,
                    });
                }
            }
        }
    }

    /// Why one half of the file could not be read, if so.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Whether the path still names the file that is locked (W6).
    pub(super) fn is_named(&self) -> Result<(), String> {
        if self.closed {
            return Err("this program is stopping".to_owned());
        }
        let shown = self.place.path.display();
        match std::fs::symlink_metadata(&self.place.path) {
            Ok(found) if (found.dev(), found.ino()) == self.named => Ok(()),
            Ok(_) => Err(format!(
                "the state file {shown} was replaced by another program while this one held it; \
                 find out which, stop it, and restart tmkms"
            )),
            Err(error) => Err(format!(
                "the state file {shown} is no longer there ({error}); it was moved or removed while in use: \
                 put it back, make sure that no other signer runs, and restart tmkms"
            )),
        }
    }
}
