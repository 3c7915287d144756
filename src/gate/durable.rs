//! The watermark in memory, and the store that keeps it: what one of them says is never forgotten by the other.
//!
//! Owns W3, W8, and the gate's part of W17.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use crate::consensus::{Hrs, SignBytes, Signature};
use crate::os::clock::Moment;

use super::snapshot::GateSnapshot;
use super::store::{Origin, Record, Store, StoreError};
use super::used_up::UsedUp;
use super::watermark::{Last, Watermark};

/// How long a failed store is left alone between two tries (W8).
pub const RECOVERY_INTERVAL: Duration = Duration::from_secs(1);

/// How long one try to mend a store may wait for other hosts.
pub const REMOTE_RECOVERY: Duration = Duration::from_millis(500);

/// What is wrong with a store whose last write did not come back.
const CUT_SHORT: &str = "a bug cut the last write short; it is written again, and if this goes on, report it with the \
                         lines of the log before";

/// A watermark that moves only together with its store.
pub(super) struct DurableWatermark {
    store: Box<dyn Store>,
    sequence: u64,
    /// The highest position ever attempted, released or loaded.
    watermark: Watermark,
    /// Where it was when it was loaded.
    begun: Option<Hrs>,
    /// The first position that a request here moved it to since.
    first: Option<Hrs>,
    /// The last message before the watermark of which a signature is known.
    signed_before: Option<Last>,
    origin: Origin,
    /// When the record was written, by the wall clock.
    written: Duration,
    broken: Option<Broken>,
}

struct Broken {
    why: Cow<'static, str>,
    tried: Moment,
}

/// What became of a new watermark.
pub(super) enum Advanced {
    /// A power cut cannot undo it.
    Durable,
    /// Another host was ahead. Nothing of ours was stored, and that host's record is the watermark now.
    Overtaken,
    /// It counts as used, and the store is broken.
    Failed {
        /// The watermark's position before.
        before: Option<Hrs>,
        /// What the store said.
        why: String,
    },
}

impl DurableWatermark {
    /// What a store has loaded.
    pub fn new(store: Box<dyn Store>, sequence: u64, used_up: UsedUp) -> Self {
        let (origin, written) = (used_up.origin(), used_up.written());
        let watermark = used_up.into_watermark();
        Self {
            store,
            sequence,
            origin,
            written,
            begun: watermark.hrs(),
            first: None,
            signed_before: None,
            watermark,
            broken: None,
        }
    }

    /// The watermark.
    pub fn watermark(&self) -> &Watermark {
        &self.watermark
    }

    /// The watermark's position.
    pub fn hrs(&self) -> Option<Hrs> {
        self.watermark.hrs()
    }

    /// What is seen of it; of the heights that are paid for it knows nothing.
    pub fn shown(&self) -> GateSnapshot {
        GateSnapshot {
            last: self.hrs(),
            begun: self.begun,
            first: self.first,
            written: self.written,
            broken: self.broken().map(Into::into),
            ..GateSnapshot::default()
        }
    }

    /// Who raised it to where it is.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Why the store does not work, if so.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_ref().map(|broken| &*broken.why)
    }

    /// How long the next write may take, where that depends on other hosts.
    pub fn allow(&mut self, time: Duration) {
        self.store.allow(time);
    }

    /// Stores the message as the new watermark; it must be above the old one. Also gives what the write took.
    pub fn advance(&mut self, last: Last, now: &Moment) -> (Advanced, Duration) {
        // From here on the position counts as used, whatever becomes of the write (W8).
        let before = std::mem::replace(&mut self.watermark, Watermark::Message(last));
        self.origin = Origin::Request;
        // A panic in the middle of the write leaves it so: what may not be stored is not signed before it is (W3).
        self.broken = Some(Broken {
            why: Cow::Borrowed(CUT_SHORT),
            tried: *now,
        });
        let began = Instant::now();
        let persisted =
            self.store
                .persist(self.sequence, &self.watermark, Origin::Request, now.wall);
        let took = began.elapsed();
        let advanced = match persisted {
            Ok(record) => {
                self.sequence = record.sequence;
                self.written = record.written;
                self.broken = None;
                self.keep_signed(before);
                Advanced::Durable
            }
            Err(StoreError::Superseded(record)) => {
                // Compare-and-swap failed for certain: the attempt left no trace anywhere.
                self.watermark = before;
                self.take_over(*record);
                self.broken = None;
                Advanced::Overtaken
            }
            Err(error @ StoreError::Failed(_)) => {
                let why = error.to_string();
                self.broken = Some(Broken {
                    why: why.clone().into(),
                    tried: *now,
                });
                let hrs = before.hrs();
                self.keep_signed(before);
                Advanced::Failed { before: hrs, why }
            }
        };
        if !matches!(advanced, Advanced::Overtaken) {
            self.first = self.first.or(self.watermark.hrs());
        }
        (advanced, took)
    }

    fn keep_signed(&mut self, before: Watermark) {
        if let Watermark::Message(last) = before
            && last.signature().is_some()
        {
            self.signed_before = Some(last);
        }
    }

    /// The last message of which a signature is known, in this life of the process or from the record that it began with.
    pub fn last_signed(&self) -> Option<&Last> {
        match &self.watermark {
            Watermark::Message(last) if last.signature().is_some() => Some(last),
            _ => self.signed_before.as_ref(),
        }
    }

    /// Remembers the signature of the last message, if these are its bytes.
    pub fn signed(&mut self, bytes: &SignBytes, signature: &Signature) {
        if let Watermark::Message(last) = &self.watermark
            && last.bytes() == bytes
        {
            self.watermark = Watermark::Message(last.clone().signed(signature.clone()));
        }
    }

    /// Before something new is stored: mends what stands between us and other hosts, because that may be gone by now; a
    /// disk is left alone.
    ///
    /// `Ok(true)`: it was mended, and the watermark may be another host's. `Ok(false)`: there was nothing to mend.
    ///
    /// # Errors
    /// Why the store does not work.
    pub fn mend_now(&mut self, now: &Moment) -> Result<bool, String> {
        let Some(why) = self.broken().map(str::to_owned) else {
            return Ok(false);
        };
        match self.store.is_remote() && self.recover(now) {
            true => Ok(true),
            false => Err(why),
        }
    }

    /// Before the last message is answered again: mends a store that failed, unless that was tried a moment ago.
    ///
    /// # Errors
    /// Why the store does not work.
    pub fn mend_if_due(&mut self, now: &Moment) -> Result<(), String> {
        let Some(broken) = &self.broken else {
            return Ok(());
        };
        let why = broken.why.to_string();
        let due = now.since(&broken.tried) >= RECOVERY_INTERVAL || self.store.is_remote();
        match due && self.recover(now) {
            true => Ok(()),
            false => Err(why),
        }
    }

    /// Tries to mend a store that failed (W8). `true` when there is nothing left to mend.
    pub fn recover(&mut self, now: &Moment) -> bool {
        let Some(broken) = &mut self.broken else {
            return true;
        };
        broken.tried = *now;
        self.store.allow(REMOTE_RECOVERY);
        match self.store.rebuild(&self.watermark, self.origin, now.wall) {
            Ok(record) => {
                self.sequence = record.sequence;
                self.written = record.written;
                self.broken = None;
                true
            }
            // A lower record than ours would leave ours without a place; such a store is not mended.
            Err(StoreError::Superseded(record))
                if record.watermark.hrs() >= self.watermark.hrs() =>
            {
                self.take_over(*record);
                self.broken = None;
                true
            }
            Err(error) => {
                broken.why = error.to_string().into();
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
                    why: error.to_string().into(),
                    tried: *now,
                });
            }
        }
    }

    /// The end, because another host goes on: `seal` is given the watermark, the wall time when it was reached, and the store,
    /// and seals that. Where it fails, the store is mended at once, so that this host can go on.
    ///
    /// # Errors
    /// Those of `seal`.
    pub fn hand_over<T, E: std::fmt::Display>(
        &mut self,
        now: &Moment,
        seal: impl FnOnce(&Watermark, Duration, &mut dyn Store) -> Result<T, E>,
    ) -> Result<T, E> {
        let sealed = seal(&self.watermark, self.written, &mut *self.store);
        self.broken = Some(Broken {
            why: match &sealed {
                Ok(_) => Cow::Borrowed("another host goes on"),
                Err(why) => Cow::Owned(why.to_string()),
            },
            tried: *now,
        });
        if sealed.is_err() {
            self.recover(now);
        }
        sealed
    }

    /// The end: nothing new is stored any more, and the store is told that its last record is the last (W15).
    ///
    /// # Errors
    /// When the store could not be told; then it only knows less of a restored file.
    pub fn close(&mut self, now: &Moment) -> Result<(), StoreError> {
        let closed = self.store.close();
        if self.broken.is_some() {
            // Told before, and nothing is known of what is on the disk.
            return Ok(());
        }
        self.broken = Some(Broken {
            why: Cow::Borrowed("this program is stopping"),
            tried: *now,
        });
        closed
    }

    /// Takes another host's newer record, never a lower position than the one known here.
    fn take_over(&mut self, record: Record) {
        self.sequence = record.sequence;
        self.written = record.written;
        if record.watermark.hrs() >= self.watermark.hrs() {
            self.watermark = record.watermark;
            self.origin = record.origin;
        }
    }
}
