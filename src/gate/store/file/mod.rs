//! The watermark in one preallocated file of two slots, written in turn, in place, and flushed.
//!
//! Owns W3 (durable before signing), W6 (kernel locks, and the path must still name the locked file), W15 (a restored
//! file is not armed) and the disk's part of W8. The layout is described in `docs/watermark.md`.

pub mod clean_stop;
mod error;
mod familiar;
mod folder;
mod fresh;
mod inspect;
mod install;
mod look;
pub mod medium;
mod open;
mod place;
pub mod record;
mod write;

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::gate::used_up::UsedUp;
use crate::gate::watermark::Watermark;
use crate::os::files::rename::to_new_name;
use crate::os::pair_lock::{PairLock, Remark, Retake};

use super::{Loaded, Origin, Record, Seen, Store, StoreError};
pub use error::OpenError;
use familiar::Familiar;
pub use familiar::{TOLERANCE, Unfamiliar};
pub(in crate::gate) use folder::create_folder;
use folder::{explain, folder_of, sweep};
pub use inspect::{Inspected, inspect};
use medium::{FileSystem, Medium};
pub use open::{Newest, newest};
pub use place::StateFile;

use record::{Entry, SLOT};
use write::NotAnew;

/// An open and locked state file.
pub struct FileStore {
    place: StateFile,
    file: File,
    folder: File,
    /// Device and inode of the locked file: what the path must still name.
    named: (u64, u64),
    entry: Entry,
    damage: Option<String>,
    familiar: Familiar,
    /// Why nothing may be written in place any more, once a write or flush has failed.
    failed: Option<String>,
    /// The mark of a clean stop may name the last record: nothing is written any more.
    closed: bool,
    medium: Box<dyn Medium>,
    slot: Vec<u8>,
    pair: PairLock,
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
        match open::probe(path) {
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
        open::look_at_pair(place)
    }

    /// [`FileStore::open`] with another way to write, for tests.
    pub fn open_on(place: &StateFile, medium: Box<dyn Medium>) -> Result<Self, OpenError> {
        let (file, pair) = open::both_locks(place)?;
        Self::read(place, file, pair, medium, true)
    }

    /// As [`FileStore::open`], but accepts a file that was copied or restored (W15): for commands that show it and ask
    /// first, and then [`FileStore::set`] it.
    pub fn open_copied(place: &StateFile) -> Result<Self, OpenError> {
        let (file, pair) = open::both_locks(place)?;
        Self::read(place, file, pair, Box::new(FileSystem), false)
    }

    fn read(
        place: &StateFile,
        file: File,
        pair: PairLock,
        medium: Box<dyn Medium>,
        same_file: bool,
    ) -> Result<Self, OpenError> {
        let path = &place.path;
        let io = |doing| {
            move |source| OpenError::Io {
                path: path.clone(),
                doing,
                source,
            }
        };
        let found = look::look(place, &file, &*medium)?;
        let familiar = match same_file {
            true => found.familiar?,
            false => Familiar::Times,
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
            familiar,
            failed: None,
            closed: false,
            medium,
            slot: Vec::with_capacity(SLOT),
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
    fn is_named(&self) -> Result<(), String> {
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

impl Store for FileStore {
    /// What was read may stand in the page cache alone: its writer may have died between write and flush, or after a
    /// flush that failed. So it is written again and flushed. It is written to a new file: then no backup that was made
    /// before has the place of this one, wherever and however it is restored (W15).
    fn load(&mut self) -> Result<Loaded, StoreError> {
        let armed = self.entry.clone();
        let damage = self.damage.clone();
        let known = self.used_up();
        let mut notice = None;
        match self.write_anew(known.watermark(), known.origin(), known.written()) {
            Ok(()) => {
                self.damage = None;
                // They name what was in a file that is gone.
                let _ = clean_stop::forget(&self.place.path, &armed, &*self.medium);
            }
            Err(NotAnew::Untouched(why)) if self.familiar == Familiar::Times => {
                self.go_on_in_place().map_err(|also| self.fail(also))?;
                notice = Some(format!(
                    "{why}. The old file is used on; until the next start a backup that is restored into it is known by \
                     the file's times alone"
                ));
            }
            Err(error) => return Err(self.fail(error.into_text())),
        }
        Ok(Loaded {
            record: Record {
                sequence: self.entry.record.sequence,
                ..armed.record
            },
            damage,
            notice,
        })
    }

    fn persist(
        &mut self,
        expected: u64,
        next: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        if let Some(failed) = &self.failed {
            return Err(StoreError::Failed(failed.clone()));
        }
        if expected != self.entry.record.sequence {
            return Err(StoreError::Superseded(Box::new(self.entry.record.clone())));
        }
        match self.write_next(next, origin, now) {
            Ok(entry) => {
                self.entry = entry;
                Ok(self.entry.record.clone())
            }
            Err(why) => Err(self.fail(why)),
        }
    }

    fn rebuild(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        match self.write_anew(watermark, origin, now) {
            Ok(()) => {
                self.failed = None;
                self.damage = None;
                Ok(self.entry.record.clone())
            }
            Err(error) => Err(self.fail(error.into_text())),
        }
    }

    fn close(&mut self) -> Result<(), StoreError> {
        let named = self.is_named();
        self.closed = true;
        if let Some(failed) = &self.failed {
            return Err(StoreError::Failed(failed.clone()));
        }
        named.map_err(StoreError::Failed)?;
        if self.damage.is_some() {
            return Ok(());
        }
        clean_stop::leave(&self.place.path, &self.entry, &*self.medium).map_err(|error| {
            let mark = clean_stop::path_of(&self.place.path);
            let why = explain(&error);
            StoreError::Failed(format!("leaving {} failed: {why}", mark.display()))
        })
    }
}
