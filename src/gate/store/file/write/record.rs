//! Writing a record: in place, in turn, or completely to a new file.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crate::gate::store::file::file_store::FileStore;
use crate::gate::store::file::folder::explain;
use crate::gate::store::file::format::{self, Entry};
use crate::gate::store::file::layout::Layout;
use crate::gate::store::file::restored::clean_stop;
use crate::gate::store::file::restored::familiar::LATE;
use crate::gate::store::interface::StoreError;
use crate::gate::store::record::{Origin, Record};
use crate::gate::watermark::Watermark;

use super::fresh::Fresh;

/// How often a write is stamped and done before it is left as it is: then a restart may ask for a take-over.
const STAMPS: usize = 3;

/// Why there is no new file.
pub(in crate::gate::store::file) enum NotAnew {
    /// The old one is what it was.
    Untouched(String),
    /// Nobody knows which of the two a power cut would leave.
    InDoubt(String),
}

impl NotAnew {
    pub(in crate::gate::store::file) fn into_text(self) -> String {
        match self {
            Self::Untouched(why) | Self::InDoubt(why) => why,
        }
    }
}

impl FileStore {
    /// Stamps the record and writes it. The stamp is good only if the file system notes the same time for the write.
    pub(in crate::gate::store::file) fn write_slot(
        &mut self,
        entry: &mut Entry,
    ) -> Result<(), String> {
        let shown = self.place.path.display();
        let before = entry.stamp;
        let offset =
            (entry.record.sequence % 2) * (Layout::of(entry.public_key.key_type()).slot() as u64);
        for _ in 0..STAMPS {
            let stamp = self.medium.now();
            entry.stamp = Some(stamp);
            format::encode(entry, &mut self.slot)
                .map_err(|bad| format!("the state of {shown} cannot be written: {bad}"))?;
            self.medium
                .write_at(&self.file, &self.slot, offset)
                .map_err(|error| {
                    format!("writing the state file {shown} failed: {}", explain(&error))
                })?;
            if self.medium.now().abs_diff(stamp) <= LATE {
                break;
            }
        }
        // After a clock was set back the times on the disk must not stay above the stamp.
        let flushed = match entry.stamp < before {
            true => self.medium.flush_all(&self.file),
            false => self.medium.flush(&self.file),
        };
        flushed.map_err(|error| {
            format!(
                "flushing the state file {shown} failed: {}",
                explain(&error)
            )
        })
    }

    /// Makes durable what was read, in place.
    pub(in crate::gate::store::file) fn write_again(&mut self) -> Result<(), String> {
        self.is_named()?;
        for _ in 0..2 {
            self.write_stamped()?;
        }
        Ok(())
    }

    /// Writes the record once more, with the next sequence number and a new stamp.
    pub(in crate::gate::store::file) fn write_stamped(&mut self) -> Result<(), String> {
        let mut next = self.entry.clone();
        next.record.sequence = next.record.sequence.saturating_add(1);
        self.write_slot(&mut next)?;
        self.entry = next;
        Ok(())
    }

    pub(in crate::gate::store::file) fn next_entry(
        &self,
        step: u64,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Entry {
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

    pub(in crate::gate::store::file) fn write_next(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Entry, String> {
        self.is_named()?;
        let mut next = self.next_entry(1, watermark, origin, now);
        self.write_slot(&mut next)?;
        // The rule for a file with one bad half is sound only if the two records are never far apart.
        let far = watermark
            .height()
            .saturating_sub(self.entry.record.watermark.height())
            > 1;
        if !far {
            return Ok(next);
        }
        let mut next = self.next_entry(2, watermark, origin, now);
        self.write_slot(&mut next)?;
        Ok(next)
    }

    /// Says in both halves that the chain was handed over. After a kill in between the newer half says so.
    pub(in crate::gate::store::file) fn seal_in_place(
        &mut self,
        watermark: &Watermark,
        written: Duration,
    ) -> Result<(), String> {
        for _ in 0..2 {
            self.entry = self.write_next(watermark, Origin::MovedOut, written)?;
        }
        Ok(())
    }

    /// Where no new file can be made: the record is known by its times, so it may stay where it is.
    pub(in crate::gate::store::file) fn go_on_in_place(&mut self) -> Result<(), String> {
        let armed = self.entry.clone();
        // With one half unreadable everything near the other is refused; it must not be written over.
        if self.damage.is_none() {
            self.write_again()?;
        }
        // What it names can be restored into this very file.
        clean_stop::forget(&self.place.path, &armed, &*self.medium).map_err(|error| {
            let mark = clean_stop::path_of(&self.place.path);
            format!("removing {} failed: {}", mark.display(), explain(&error))
        })
    }

    pub(in crate::gate::store::file) fn fail(&mut self, why: String) -> StoreError {
        self.failed = Some(why.clone());
        StoreError::Failed(why)
    }

    /// Writes everything to a new file and puts it in the place of this one.
    pub(in crate::gate::store::file) fn write_anew(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        reached: Duration,
    ) -> Result<(), NotAnew> {
        self.is_named().map_err(NotAnew::InDoubt)?;
        let shown = self.place.path.display().to_string();
        let untouched = |doing: &str, error: &std::io::Error| {
            NotAnew::Untouched(format!("{doing} failed: {}", explain(error)))
        };
        let record = Record {
            // A failed write may have left either of the next two numbers behind.
            sequence: self.entry.record.sequence.saturating_add(3),
            watermark: watermark.clone(),
            origin,
            written: reached,
        };
        let beside = |doing| format!("{doing} a new state file beside {shown}");
        let fresh = Fresh::write(
            &self.place,
            record,
            (self.entry.shared, self.entry.moved),
            &*self.medium,
        )
        .map_err(|error| untouched(&beside("writing"), &error))?;
        let meta =
            (fresh.file.metadata()).map_err(|error| untouched(&beside("looking at"), &error))?;
        self.medium
            .rename(fresh.path(), &self.place.path)
            .map_err(|error| untouched(&format!("replacing the state file {shown}"), &error))?;
        // From here on the path names the new file, so it is the one to hold, flushed folder or not.
        self.named = (meta.dev(), meta.ino());
        self.file = fresh.file;
        self.entry = fresh.entry;
        self.medium.flush_folder(&self.folder).map_err(|error| {
            let why = format!("flushing the folder of {shown} failed: {}", explain(&error));
            NotAnew::InDoubt(why)
        })?;
        // The new name was a change, too.
        self.write_stamped().map_err(NotAnew::InDoubt)
    }
}
