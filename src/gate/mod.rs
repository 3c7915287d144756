//! What may be signed, remembered before it is signed.
//!
//! One [`Gate`] per chain id and public key. [`Gate::admit`] judges a request, makes the new watermark durable
//! and only then gives a [`Permit`]; [`Gate::complete`] remembers the signature. A gate is used by one thread
//! at a time ([`timed_mutex::TimedMutex`]), which makes check, write, signature and memory one critical section (W4).
//!
//! Owns W1 to W3, W5, W8, W11 and the extension part of W12.

pub mod snapshot;
pub mod heights;
pub mod permit;
pub mod raw;
mod recovery;
pub mod refusal;
pub mod timed_mutex;
pub mod settings;
pub mod store;
pub mod used_up;
pub mod watermark;

use std::time::{Duration, Instant};

use crate::consensus::{ChainId, Height, Hrs, Position, SignBytes, Signature, Timestamp};
use crate::os::clock::Moment;
use crate::remedy::Commands;
use crate::request::SignRequest;

use heights::bucket::Bucket;
use permit::Permit;
use raw::RawRefused;
use refusal::{Reason, Refusal};
pub use settings::{Settings, SignExtensions};
use store::{Origin, Record, Store, StoreError};
use watermark::{Last, Verdict, Watermark, judge};

/// How long a failed store is left alone between two tries (W8).
pub const RECOVERY_INTERVAL: Duration = Duration::from_secs(1);

/// How much of a permit's time a store that waits for other hosts leaves to the device.
pub const DEVICE_RESERVE: Duration = Duration::from_millis(500);

/// What the gate answers when it does not refuse.
#[must_use]
#[derive(Debug)]
pub enum Admission {
    /// The earlier signature of the same message.
    Replay {
        /// It.
        signature: Signature,
        /// The timestamp that it covers.
        timestamp: Timestamp,
        /// Leave to sign the extension.
        extension: Option<Permit>,
    },
    /// Leave to sign.
    Sign {
        /// Leave to sign the message; to be given back by [`Gate::complete`].
        permit: Permit,
        /// The timestamp in the permit's bytes; an earlier one when a position was persisted but never signed.
        timestamp: Timestamp,
        /// Leave to sign the extension.
        extension: Option<Permit>,
    },
}

/// What a gate shows to `status` and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateView {
    /// The last position used up.
    pub last: Option<Hrs>,
    /// Why the store does not work, if so.
    pub broken: Option<String>,
}

/// The one place that decides what is signed for one chain id and key.
pub struct Gate {
    chain_id: ChainId,
    settings: Settings,
    store: Box<dyn Store>,
    sequence: u64,
    /// The highest position ever attempted, released or loaded.
    mark: Watermark,
    origin: Origin,
    /// Refuse everything up to this height: half of the store was unreadable.
    floor: Option<Height>,
    bucket: Bucket,
    broken: Option<Broken>,
    /// When the record was written, by the wall clock.
    written: Duration,
    /// What the write of the last [`Gate::admit`] took, if it came to one.
    persisting: Option<Duration>,
    /// What the store had to say when it was loaded.
    notice: Option<String>,
    /// What refusals tell the operator to run.
    commands: Commands,
}

struct Broken {
    why: String,
    tried: Moment,
}

impl Gate {
    /// Arms a gate with what the store remembers.
    pub fn arm(
        chain_id: ChainId,
        settings: Settings,
        mut store: Box<dyn Store>,
        now: &Moment,
    ) -> Result<Self, StoreError> {
        let loaded = store.load()?;
        let used_up = loaded.used_up();
        Ok(Self {
            chain_id,
            settings,
            store,
            floor: used_up.floor(),
            bucket: Bucket::new(settings.rate, used_up.age(now.wall), now.boot),
            sequence: loaded.record.sequence,
            origin: used_up.origin(),
            broken: None,
            written: used_up.written(),
            mark: used_up.into_watermark(),
            persisting: None,
            notice: loaded.notice,
            commands: Commands::default(),
        })
    }

    /// For a chain of a configuration that has a name, so that commands in refusals run as printed.
    pub fn telling(self, commands: Commands) -> Self {
        Self { commands, ..self }
    }

    /// Judges a request. `Ok` comes only after the watermark for it is durable.
    ///
    /// `until` is the reading of the monotonic clock up to which a device may work on the permit.
    pub fn admit(
        &mut self,
        request: &SignRequest,
        now: &Moment,
        until: Duration,
    ) -> Result<Admission, Refusal> {
        self.persisting = None;
        let bytes = request.sign_bytes();
        // W5: from here on only what the very bytes say counts.
        let position = bytes
            .position()
            .map_err(|_| Refusal::of(Reason::RawBytes(RawRefused::NotAllowed)))?;
        if position.chain_id != self.chain_id {
            let asked = position.chain_id.clone();
            let configured = self.chain_id.clone();
            return Err(self.refuse(&position, Reason::WrongChain { asked, configured }));
        }
        if let Some(floor) = self.floor.filter(|floor| position.hrs.height <= *floor) {
            return Err(self.refuse(&position, Reason::DamagedState { floor }));
        }
        // What a device needs is kept from the time that other hosts may take.
        let budget = until
            .saturating_sub(now.monotonic)
            .saturating_sub(DEVICE_RESERVE);
        let began = Instant::now();
        // A second round only after another host has moved a shared store on.
        for _ in 0..8 {
            self.store.allow(budget.saturating_sub(began.elapsed()));
            match judge(&self.mark, &position) {
                Verdict::Refuse(why) => return Err(self.refuse(&position, Reason::Watermark(why))),
                Verdict::Replay => return self.replay(request, &position, now, until),
                Verdict::Advance => {
                    if self.advance(&bytes, &position, now)? {
                        return self.replay(request, &position, now, until);
                    }
                }
            }
        }
        let why = "other signers kept moving the shared store on".to_owned();
        Err(self.refuse(&position, Reason::NotDurable(why)))
    }

    /// Whether a request would need the key if it were admitted: it is new, or has no signature yet.
    pub fn needs_key(&self, request: &SignRequest) -> bool {
        let Ok(position) = request.sign_bytes().position() else {
            return false;
        };
        match (judge(&self.mark, &position), &self.mark) {
            (Verdict::Advance, _) => true,
            (Verdict::Replay, Watermark::Message(last)) => last.signature().is_none(),
            (Verdict::Replay | Verdict::Refuse(_), _) => false,
        }
    }

    /// Remembers the signature of a permit, so that the same request is answered with it.
    pub fn complete(&mut self, permit: Permit, signature: &Signature) {
        let bytes = permit.into_bytes();
        if let Watermark::Message(last) = &self.mark
            && *last.bytes() == bytes
        {
            self.mark = Watermark::Message(last.clone().signed(signature.clone()));
        }
    }

    /// The end: nothing new is admitted any more, and the store is told that its last record is the last (W15).
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
            why: "this program is stopping".to_owned(),
            tried: *now,
        });
        closed
    }

    /// What the operator should know of how the watermark is kept, for the log at the start.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// What there is to see.
    pub fn view(&self) -> GateView {
        GateView {
            last: self.mark.hrs(),
            broken: self.broken.as_ref().map(|broken| broken.why.clone()),
        }
    }

    /// Makes the position durable. `false`: another host was ahead, judge again.
    fn advance(
        &mut self,
        bytes: &SignBytes,
        position: &Position,
        now: &Moment,
    ) -> Result<bool, Refusal> {
        if let Some(broken) = &self.broken {
            let why = broken.why.clone();
            // What stands between us and other hosts may be gone by now; a disk is left alone.
            if self.store.is_remote() && self.recover(now) {
                return Ok(false);
            }
            return Err(self.refuse(position, Reason::NotDurable(why)));
        }
        self.pay(position, now)?;
        let Some(last) = Last::new(bytes.clone(), None) else {
            return Err(self.refuse(position, Reason::RawBytes(RawRefused::NotAllowed)));
        };
        // From here on the position counts as used, whatever becomes of the write (W8).
        let before = std::mem::replace(&mut self.mark, Watermark::Message(last));
        self.origin = Origin::Request;
        let began = Instant::now();
        let persisted = self
            .store
            .persist(self.sequence, &self.mark, Origin::Request, now.wall);
        self.persisting = Some(began.elapsed());
        match persisted {
            Ok(record) => {
                self.sequence = record.sequence;
                self.written = record.written;
                Ok(true)
            }
            Err(StoreError::Superseded(record)) => {
                // Compare-and-swap failed for certain: the attempt left no trace anywhere.
                self.mark = before;
                self.take_over(*record);
                Ok(false)
            }
            Err(error @ StoreError::Failed(_)) => {
                let why = error.to_string();
                self.broken = Some(Broken {
                    why: why.clone(),
                    tried: *now,
                });
                Err(Refusal {
                    last: before.hrs(),
                    ..self.refuse(position, Reason::NotDurable(why))
                })
            }
        }
    }

    /// The last message is asked for (again): its signature if there is one, otherwise leave to make it.
    fn replay(
        &mut self,
        request: &SignRequest,
        position: &Position,
        now: &Moment,
        until: Duration,
    ) -> Result<Admission, Refusal> {
        if let Some(broken) = &self.broken {
            let why = broken.why.clone();
            let due = now.since(&broken.tried) >= RECOVERY_INTERVAL || self.store.is_remote();
            if !(due && self.recover(now)) {
                return Err(self.refuse(position, Reason::NotDurable(why)));
            }
        }
        let Watermark::Message(last) = &self.mark else {
            return Err(self.refuse(position, Reason::Watermark(watermark::Why::UsedUp)));
        };
        // Recovery of a shared store may have brought another message.
        if !last.position().same_but_for_time(position) {
            return Err(self.refuse(position, Reason::Watermark(watermark::Why::Conflict)));
        }
        let timestamp = last.position().timestamp;
        let extension = self.extension(request, until);
        Ok(match last.signature() {
            Some(signature) => Admission::Replay {
                signature: signature.clone(),
                timestamp,
                extension,
            },
            None => Admission::Sign {
                permit: Permit::new(last.bytes().clone(), until),
                timestamp,
                extension,
            },
        })
    }

    /// W12. A permit bounds the extension to the precommit that was just admitted.
    fn extension(&self, request: &SignRequest, until: Duration) -> Option<Permit> {
        self.extension_bytes(request)
            .map(|bytes| Permit::new(bytes, until))
    }

    /// The bytes of the extension, where it would be signed with this request.
    pub fn extension_bytes(&self, request: &SignRequest) -> Option<SignBytes> {
        let (height, round, extension) = request.extension()?;
        let wanted = match self.settings.sign_extensions {
            SignExtensions::Auto => !extension.skip,
            SignExtensions::Always => true,
            SignExtensions::Never => false,
        };
        wanted.then(|| SignBytes::extension(&self.chain_id, height, round, &extension.data))
    }

    /// Takes another host's newer record, never a lower position than the one known here.
    fn take_over(&mut self, record: Record) {
        self.sequence = record.sequence;
        self.written = record.written;
        if record.watermark.hrs() >= self.mark.hrs() {
            self.mark = record.watermark;
            self.origin = record.origin;
        }
    }

    fn refuse(&self, position: &Position, reason: Reason) -> Refusal {
        Refusal {
            asked: Some(position.hrs),
            block: position.block,
            last: self.mark.hrs(),
            reason,
        }
    }
}

/// Refuses what the settings of one validator entry forbid, before the gate is asked.
pub fn within_max_height(request: &SignRequest, max: Option<Height>) -> Result<(), Refusal> {
    match max {
        Some(max) if request.hrs().height > max => Err(Refusal {
            asked: Some(request.hrs()),
            block: request.block().copied(),
            last: None,
            reason: Reason::AboveMaxHeight(max),
        }),
        _ => Ok(()),
    }
}
