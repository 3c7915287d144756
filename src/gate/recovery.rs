//! What the gate does about a store that failed (W8), and about what other hosts did meanwhile (W17).

use std::time::Duration;

use crate::os::clock::Moment;

use super::store::StoreError;
use super::{Broken, Gate};

/// How long one try to mend a store may wait for other hosts.
pub const REMOTE_RECOVERY: Duration = Duration::from_millis(500);

impl Gate {
    /// Tries to mend a store that failed (W8). `true` when there is nothing left to mend.
    pub fn recover(&mut self, now: &Moment) -> bool {
        let Some(broken) = &mut self.broken else {
            return true;
        };
        broken.tried = *now;
        self.store.allow(REMOTE_RECOVERY);
        match self.store.rebuild(&self.mark, self.origin, now.wall) {
            Ok(record) => {
                self.sequence = record.sequence;
                self.written = record.written;
                self.broken = None;
                true
            }
            // A lower record than ours would leave ours without a place; such a store is not mended.
            Err(StoreError::Superseded(record)) if record.watermark.hrs() >= self.mark.hrs() => {
                self.take_over(*record);
                self.broken = None;
                true
            }
            Err(error) => {
                broken.why = error.to_string();
                false
            }
        }
    }

    /// Takes in what the store has learned of other hosts, without waiting for them (W17).
    pub fn refresh(&mut self, now: &Moment) {
        match self.store.refresh() {
            Ok(None) => {}
            Ok(Some(record)) => self.take_over(record),
            Err(error) => {
                self.broken.get_or_insert(Broken {
                    why: error.to_string(),
                    tried: *now,
                });
            }
        }
    }

    /// Whether [`Gate::recover`] has work to do.
    pub fn is_broken(&self) -> bool {
        self.broken.is_some()
    }
}
