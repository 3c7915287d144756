//! The watermark in one preallocated file of two slots, written in turn, in place, and flushed.
//!
//! Owns W3 (durable before signing), W6 (kernel locks, and the path must still name the locked file) and
//! the disk's part of W8. The layout is described in `docs/watermark.md`.

mod error;
mod folder;
mod fresh;
mod inspect;
pub mod medium;
mod open;
mod place;
pub mod record;

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::gate::used_up::UsedUp;
use crate::gate::watermark::Watermark;
use crate::os::filesystem::Provenance;
use crate::os::pair_lock::{PairLock, Remark};

use super::{Loaded, Origin, Record, Store, StoreError};
pub use error::OpenError;
use folder::{create_folder, explain, folder_of, sweep};
use fresh::Fresh;
pub use inspect::{Inspected, inspect};
use medium::{FileSystem, Medium};
pub use open::{Newest, newest};
pub use place::Place;

use record::{Entry, SLOT};

/// An open and locked state file.
pub struct FileStore {
    place: Place,
    file: File,
    folder: File,
    /// Device and inode of the locked file: what the path must still name.
    named: (u64, u64),
    entry: Entry,
    damage: Option<String>,
    /// Why nothing may be written in place any more, once a write or flush has failed.
    failed: Option<String>,
    medium: Box<dyn Medium>,
    slot: Vec<u8>,
    pair: PairLock,
}

impl FileStore {
    /// Locks and reads a state file that must be this chain's and this key's.
    pub fn open(place: &Place) -> Result<Self, OpenError> {
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
    pub fn pair_is_free(place: &Place) -> Result<Vec<Remark>, OpenError> {
        open::look_at_pair(place)
    }

    /// [`FileStore::open`] with another way to write, for tests.
    pub fn open_on(place: &Place, medium: Box<dyn Medium>) -> Result<Self, OpenError> {
        let (file, pair) = open::both_locks(place)?;
        Self::read(place, file, pair, medium, true)
    }

    /// As [`FileStore::open`], but accepts a file that was copied or restored (W15): for `state import` alone.
    pub fn open_copied(place: &Place) -> Result<Self, OpenError> {
        let (file, pair) = open::both_locks(place)?;
        Self::read(place, file, pair, Box::new(FileSystem), false)
    }

    fn read(
        place: &Place,
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
        let (entry, damage) = open::read(&file, path, &place.chain_id)?;
        let provenance = Provenance::of(&file).map_err(io("asking for its inode"))?;
        let expected = if same_file {
            provenance
        } else {
            entry.provenance
        };
        open::belongs(&entry, path, &place.chain_id, &place.public_key, &expected)?;
        let meta = file.metadata().map_err(io("asking for its inode"))?;
        sweep(path);
        Ok(Self {
            place: place.clone(),
            folder: File::open(folder_of(path)).map_err(io("opening its folder"))?,
            named: (meta.dev(), meta.ino()),
            entry: Entry {
                provenance,
                ..entry
            },
            file,
            damage,
            failed: None,
            medium,
            slot: Vec::with_capacity(SLOT),
            pair,
        })
    }

    /// Makes a state file where there is none. Never overwrites.
    pub fn create(place: &Place, watermark: &Watermark, now: Duration) -> Result<(), OpenError> {
        Self::install(place, watermark, now, false)
    }

    /// Puts a new state file in the place of another signer's, which the caller has read, shown and copied away.
    pub fn replace_foreign(
        place: &Place,
        watermark: &Watermark,
        now: Duration,
    ) -> Result<(), OpenError> {
        Self::install(place, watermark, now, true)
    }

    fn install(
        place: &Place,
        watermark: &Watermark,
        now: Duration,
        replace: bool,
    ) -> Result<(), OpenError> {
        let path = &place.path;
        let io = |doing| {
            move |source| OpenError::Io {
                path: path.clone(),
                doing,
                source,
            }
        };
        let folder = folder_of(path);
        create_folder(folder).map_err(io("creating its folder"))?;
        let _pair = open::lock_pair(place)?;
        sweep(path);
        // Another signer's file may be locked by that signer.
        let _old = replace
            .then(|| open::locked(path, &place.chain_id, true))
            .transpose()?;
        let record = Record {
            sequence: 1,
            watermark: watermark.clone(),
            origin: Origin::Begun,
            written: now,
        };
        let fresh = Fresh::write(place, record, &FileSystem).map_err(io("writing it"))?;
        if !place.allow_ephemeral
            && let Some(kind) = crate::os::filesystem::ephemeral(&fresh.file)
                .map_err(io("asking for its file system"))?
        {
            return Err(OpenError::Ephemeral {
                path: path.clone(),
                kind,
            });
        }
        if replace {
            std::fs::rename(fresh.path(), path).map_err(io("putting it in place"))?;
        } else {
            // A hard link fails where a name exists already; a rename would replace it.
            std::fs::hard_link(fresh.path(), path).map_err(io("putting it in place"))?;
        }
        drop(fresh);
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io("flushing its folder"))
    }

    /// The record last loaded or made durable.
    pub fn record(&self) -> &Record {
        &self.entry.record
    }

    /// What the file means for the chain and key.
    pub fn used_up(&self) -> UsedUp {
        UsedUp::of(self.record(), self.damage.is_some())
    }

    /// What the operator should know of the locks that are held.
    pub fn remarks(&self) -> &[Remark] {
        self.pair.remarks()
    }

    /// Why one half of the file could not be read, if so.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Whether the path still names the file that is locked (W6).
    fn is_named(&self) -> Result<(), String> {
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

    fn write_slot(&mut self, entry: &Entry) -> Result<(), String> {
        let shown = self.place.path.display();
        record::encode(entry, &mut self.slot)
            .map_err(|bad| format!("the state of {shown} cannot be written: {bad}"))?;
        let offset = (entry.record.sequence % 2) * (SLOT as u64);
        self.medium
            .write_at(&self.file, &self.slot, offset)
            .map_err(|error| {
                format!("writing the state file {shown} failed: {}", explain(&error))
            })?;
        self.medium.flush(&self.file).map_err(|error| {
            format!(
                "flushing the state file {shown} failed: {}",
                explain(&error)
            )
        })
    }

    /// Makes durable what was read. It may stand in the page cache alone: its writer may have died between write and
    /// flush, or after a flush that failed, and then a mere flush would do nothing.
    fn write_again(&mut self) -> Result<(), String> {
        self.is_named()?;
        for _ in 0..2 {
            let mut next = self.entry.clone();
            next.record.sequence = next.record.sequence.saturating_add(1);
            self.write_slot(&next)?;
            self.entry = next;
        }
        Ok(())
    }

    fn next_entry(&self, step: u64, watermark: &Watermark, origin: Origin, now: Duration) -> Entry {
        let record = Record {
            sequence: self.entry.record.sequence.saturating_add(step),
            watermark: watermark.clone(),
            origin,
            written: now,
        };
        Entry {
            record,
            ..self.entry.clone()
        }
    }

    fn write_next(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Entry, String> {
        self.is_named()?;
        let next = self.next_entry(1, watermark, origin, now);
        self.write_slot(&next)?;
        // The rule for a file with one bad half is sound only if the two records are never far apart.
        let far = watermark
            .height()
            .saturating_sub(self.entry.record.watermark.height())
            > 1;
        if !far {
            return Ok(next);
        }
        let next = self.next_entry(2, watermark, origin, now);
        self.write_slot(&next)?;
        Ok(next)
    }

    fn write_anew(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<(), String> {
        self.is_named()?;
        let shown = self.place.path.display().to_string();
        let record = Record {
            // A failed write may have left either of the next two numbers behind.
            sequence: self.entry.record.sequence.saturating_add(3),
            watermark: watermark.clone(),
            origin,
            written: now,
        };
        let fresh = Fresh::write(&self.place, record, &*self.medium).map_err(|error| {
            format!(
                "writing a new state file beside {shown} failed: {}",
                explain(&error)
            )
        })?;
        let meta = fresh.file.metadata().map_err(|error| {
            format!("looking at the new state file beside {shown} failed: {error}")
        })?;
        self.medium
            .rename(fresh.path(), &self.place.path)
            .map_err(|error| {
                format!(
                    "replacing the state file {shown} failed: {}",
                    explain(&error)
                )
            })?;
        // From here on the path names the new file, so it is the one to hold, flushed folder or not.
        self.named = (meta.dev(), meta.ino());
        self.file = fresh.file;
        self.entry = fresh.entry;
        self.medium
            .flush_folder(&self.folder)
            .map_err(|error| format!("flushing the folder of {shown} failed: {}", explain(&error)))
    }
}

impl Store for FileStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        // With one half unreadable everything near the other is refused; it must not be written over.
        if self.damage.is_none()
            && let Err(why) = self.write_again()
        {
            self.failed = Some(why.clone());
            return Err(StoreError::Failed(why));
        }
        Ok(Loaded {
            record: self.entry.record.clone(),
            damage: self.damage.clone(),
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
            Err(why) => {
                self.failed = Some(why.clone());
                Err(StoreError::Failed(why))
            }
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
            Err(why) => {
                self.failed = Some(why.clone());
                Err(StoreError::Failed(why))
            }
        }
    }
}
