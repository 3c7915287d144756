//! The state file as a store: what the gate asks of it.

use std::time::Duration;

use crate::gate::store::file::file_store::FileStore;
use crate::gate::store::file::folder::explain;
use crate::gate::store::file::restored::clean_stop;
use crate::gate::store::file::restored::familiar::Familiar;
use crate::gate::store::interface::{Loaded, Store, StoreError};
use crate::gate::store::moved::Moved;
use crate::gate::store::record::{Origin, Record};
use crate::gate::watermark::Watermark;

use super::record::NotAnew;

impl Store for FileStore {
    /// What was read may be in the page cache only: its writer may have died between write and flush, or after a
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

    fn moved(&self) -> Option<Moved> {
        self.entry.moved
    }

    fn seal(
        &mut self,
        watermark: &Watermark,
        written: Duration,
        moved: Moved,
    ) -> Result<(), StoreError> {
        let before = self.entry.moved.replace(moved);
        let sealed = match self.write_anew(watermark, Origin::MovedOut, written) {
            // Where no new file can be made, as in a file that is itself a mount point.
            Err(NotAnew::Untouched(why)) => self
                .seal_in_place(watermark, written)
                .map_err(|also| format!("{why}; {also}")),
            other => other.map_err(NotAnew::into_text),
        };
        if let Err(why) = sealed {
            self.entry.moved = before;
            return Err(self.fail(why));
        }
        (self.failed, self.damage) = (None, None);
        // Without its mark a change of owner or mode is told as such, and no more than that.
        let _ = self.close();
        Ok(())
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
