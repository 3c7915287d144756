//! The gate: a request's bytes are judged, made durable, and only then permitted.

use std::time::{Duration, Instant};

use crate::consensus::{ChainId, Height, Position, SignBytes, Signature};
use crate::os::clock::Moment;
use crate::remedy::Commands;
use crate::request::SignRequest;

use super::admission::Admission;
use super::durable::{Advanced, DurableWatermark};
use super::heights::bucket::Bucket;
use super::heights::toll;
use super::pause::Operator;
use super::permit::Permit;
use super::prepared::Prepared;
use super::refusal::{Reason, Refusal};
use super::settings::Settings;
use super::snapshot::{GateSnapshot, Publisher, SnapshotReader};
use super::store::{Origin, Store, StoreError};
use super::watermark::{self, Verdict, Watermark, judge};

/// How much of a permit's time a store that waits for other hosts leaves to the device.
pub const DEVICE_RESERVE: Duration = Duration::from_millis(500);

/// The one place that decides what is signed for one chain id and key.
pub struct Gate {
    pub(super) chain_id: ChainId,
    pub(super) settings: Settings,
    pub(super) durable: DurableWatermark,
    /// Refuse everything up to this height: half of the store was unreadable.
    floor: Option<Height>,
    bucket: Bucket,
    /// Where what there is to see is shown.
    publisher: Publisher,
    /// What the store had to say when it was loaded.
    notice: Option<String>,
    pub(super) operator: Operator,
    /// Where the chain was handed over: what every request is answered.
    pub(super) moved_out: Option<String>,
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
        let mut gate = Self {
            chain_id,
            settings,
            floor: used_up.floor(),
            bucket: Bucket::new(settings.rate, used_up.age(now.wall), now.boot),
            durable: DurableWatermark::new(store, loaded.record.sequence, used_up),
            publisher: Publisher::default(),
            notice: loaded.notice,
            operator: Operator::default(),
            moved_out: None,
        };
        gate.publish();
        Ok(gate)
    }

    /// For a chain with an operator.
    pub fn obeying(self, operator: Operator) -> Self {
        Self { operator, ..self }
    }

    /// What the operator has set, and is told to run.
    pub fn settings(&self) -> (Settings, &Commands) {
        (self.settings, &self.operator.commands)
    }

    /// Follows other settings and commands from the next request on. What was judged keeps the settings that it was judged by.
    pub fn follow(&mut self, settings: Settings, commands: Commands, now: &Moment) {
        self.bucket.reshape(settings.rate, now.boot);
        (self.settings, self.operator.commands) = (settings, commands);
        self.publish();
    }

    /// Makes the bytes of a request.
    ///
    /// # Errors
    /// A refusal of bytes that are not a vote or proposal; none of a [`SignRequest`] are.
    pub fn prepare(&self, request: &SignRequest) -> Result<Prepared, Refusal> {
        Prepared::new(request, &self.chain_id, self.settings.sign_extensions)
    }

    /// Judges a request by the watermark; the watermark does not move yet.
    ///
    /// # Errors
    /// Why it must not be signed.
    pub fn judge(
        &mut self,
        prepared: Prepared,
        now: &Moment,
    ) -> Result<JudgedRequest<'_>, Refusal> {
        let position = prepared.position();
        if position.chain_id != self.chain_id {
            let (asked, configured) = (position.chain_id.clone(), self.chain_id.clone());
            return Err(self.refuse(position, Reason::WrongChain { asked, configured }));
        }
        if let Some(why) = &self.moved_out {
            return Err(self.refuse(position, Reason::MovedOut(why.clone())));
        }
        if let Some(floor) = self.floor.filter(|floor| position.hrs.height <= *floor) {
            return Err(self.refuse(position, Reason::DamagedState { floor }));
        }
        let verdict = judge(self.durable.watermark(), position);
        if let Verdict::Refuse(why) = verdict {
            return Err(self.refuse(position, Reason::Watermark(why)));
        }
        // W22. Double signs are called so first. Replays are forbidden, too: after a restart they are new signatures.
        if let Some(active) = self.operator.paused.forbids(position.hrs.height) {
            return Err(self.refuse(position, Reason::paused(&active)));
        }
        Ok(JudgedRequest {
            gate: self,
            prepared,
            verdict,
            now: *now,
        })
    }

    /// Remembers the signature of a permit, so that the same request is answered with it.
    pub fn complete(&mut self, permit: Permit, signature: &Signature) {
        self.durable.signed(&permit.into_bytes(), signature);
    }

    /// Tries to mend a store that failed (W8). `true` when there is nothing left to mend.
    pub fn recover(&mut self, now: &Moment) -> bool {
        let mended = self.durable.recover(now);
        self.publish();
        mended
    }

    /// Takes in what the store has learned of other hosts, without waiting for them (W17).
    pub fn refresh(&mut self, now: &Moment) {
        self.durable.refresh(now);
        self.publish();
    }

    /// The end, because another host goes on (W21): `seal` is given the watermark, the wall time when it was reached, and the
    /// store, which it seals; it gives what all later requests are answered besides. Where it fails, nothing has changed.
    ///
    /// # Errors
    /// Those of `seal`.
    pub fn hand_over<T, E: std::fmt::Display>(
        &mut self,
        now: &Moment,
        seal: impl FnOnce(&Watermark, Duration, &mut dyn Store) -> Result<(T, String), E>,
    ) -> Result<T, E> {
        let sealed = self.durable.hand_over(now, seal);
        let sealed = sealed.map(|(value, why)| {
            self.moved_out = Some(why);
            value
        });
        self.publish();
        sealed
    }

    /// The end: nothing new is admitted any more, and the store is told that its last record is the last (W15). What
    /// there is to see stays as it was.
    ///
    /// # Errors
    /// When the store could not be told; then it only knows less of a restored file.
    pub fn close(&mut self, now: &Moment) -> Result<(), StoreError> {
        self.durable.close(now)
    }

    /// What the operator should know of how the watermark is kept, for the log at the start.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// The height of the last message asked for, unless the operator set the watermark since.
    pub fn last_asked(&self) -> Option<Height> {
        match self.durable.origin() {
            Origin::Request => self.durable.hrs().map(|hrs| hrs.height),
            Origin::Begun | Origin::Raised | Origin::HandedOver | Origin::MovedOut => None,
        }
    }

    /// What can be seen of it, for its holder.
    pub fn snapshot(&self) -> GateSnapshot {
        GateSnapshot {
            tokens: self.bucket.tokens(),
            counted: self.bucket.counted(),
            rate: self.settings.rate,
            ..self.durable.shown()
        }
    }

    /// For anyone who must not wait for the gate: reads what it showed last.
    pub fn reader(&self) -> SnapshotReader {
        self.publisher.reader()
    }

    pub(super) fn publish(&mut self) {
        let snapshot = self.snapshot();
        self.publisher.show(snapshot);
    }

    /// Takes the tokens for the heights up to this position (W11).
    fn pay(&mut self, position: &Position, now: &Moment) -> Result<(), Refusal> {
        self.paid(position, now).map(|left| self.bucket = left)
    }

    /// What is left of the tokens then.
    pub(super) fn paid(&self, position: &Position, now: &Moment) -> Result<Bucket, Refusal> {
        let (origin, last) = (self.durable.origin(), self.durable.hrs());
        let (next, mut left) = (position.hrs.height, self.bucket.clone());
        let paid = toll::pay(&mut left, origin, last, next, now.boot);
        paid.map(|()| left).map_err(|too_far| {
            let reason = Reason::TooFarAhead {
                ahead: too_far.ahead,
                allowed: too_far.allowed,
                remedy: toll::raise_below(next, last, &self.chain_id, &self.operator.commands),
            };
            self.refuse(position, reason)
        })
    }

    pub(super) fn refuse(&self, position: &Position, reason: Reason) -> Refusal {
        Refusal {
            asked: Some(position.hrs),
            block: position.block,
            last: self.durable.hrs(),
            reason,
        }
    }
}

/// A request that the watermark does not forbid, with the gate that judged it: the watermark cannot move before it is
/// admitted or dropped.
#[must_use]
pub struct JudgedRequest<'a> {
    pub(super) gate: &'a mut Gate,
    prepared: Prepared,
    pub(super) verdict: Verdict,
    pub(super) now: Moment,
}

impl JudgedRequest<'_> {
    /// The request's bytes.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Whether the key has to sign it: it is new, or has no signature yet.
    pub fn needs_key(&self) -> bool {
        match (self.verdict, self.gate.durable.watermark()) {
            (Verdict::Advance, _) => true,
            (Verdict::Replay, Watermark::Message(last)) => last.signature().is_none(),
            (Verdict::Replay | Verdict::Refuse(_), _) => false,
        }
    }

    /// Makes the watermark for the request durable, and only then gives leave to sign.
    ///
    /// `until` is the reading of the monotonic clock up to which a device may work on the permit.
    ///
    /// # Errors
    /// Why it is not signed.
    pub fn admit(self, until: Duration) -> Result<Admission, Refusal> {
        self.admit_telling(until, &mut || ())
    }

    /// The same; `ahead` is called before the first write, if there is one.
    pub(super) fn admit_telling(
        self,
        until: Duration,
        ahead: &mut dyn FnMut(),
    ) -> Result<Admission, Refusal> {
        let Self {
            gate,
            prepared,
            verdict,
            now,
        } = self;
        let admission = gate.decide(prepared, verdict, &now, until, ahead);
        gate.publish();
        admission
    }

    /// What of the message this gate stands at already: its bytes, which may have another time, where their signature is not
    /// known.
    pub fn stands_at(&self) -> Option<&SignBytes> {
        match (self.verdict, self.gate.durable.watermark()) {
            (Verdict::Replay, Watermark::Message(last)) => Some(last.bytes()),
            _ => None,
        }
    }
}

impl Gate {
    fn decide(
        &mut self,
        prepared: Prepared,
        mut verdict: Verdict,
        now: &Moment,
        until: Duration,
        ahead: &mut dyn FnMut(),
    ) -> Result<Admission, Refusal> {
        let position = prepared.position();
        let mut persisted_in = None;
        // What a device needs is kept from the time that other hosts may take.
        let budget = until
            .saturating_sub(now.monotonic)
            .saturating_sub(DEVICE_RESERVE);
        let began = Instant::now();
        // A second round only after another host has moved a shared store on.
        for _ in 0..8 {
            self.durable.allow(budget.saturating_sub(began.elapsed()));
            let is_last = match verdict {
                Verdict::Refuse(why) => return Err(self.refuse(position, Reason::Watermark(why))),
                Verdict::Replay => true,
                Verdict::Advance => self.advance(&prepared, now, &mut persisted_in, ahead)?,
            };
            if is_last {
                return self.replay(prepared, now, until, persisted_in);
            }
            verdict = judge(self.durable.watermark(), position);
        }
        let why = "other signers kept moving the shared store on".to_owned();
        Err(self.refuse(position, Reason::NotDurable(why)))
    }

    /// Makes the request the watermark. `false`: another host was ahead, judge again.
    fn advance(
        &mut self,
        prepared: &Prepared,
        now: &Moment,
        persisted_in: &mut Option<Duration>,
        ahead: &mut dyn FnMut(),
    ) -> Result<bool, Refusal> {
        let position = prepared.position();
        match self.durable.mend_now(now) {
            Ok(false) => {}
            Ok(true) => return Ok(false),
            Err(why) => return Err(self.refuse(position, Reason::NotDurable(why))),
        }
        self.pay(position, now)?;
        ahead();
        let (advanced, took) = self.durable.advance(prepared.message().clone(), now);
        *persisted_in = Some(took);
        match advanced {
            Advanced::Durable => Ok(true),
            Advanced::Overtaken => Ok(false),
            Advanced::Failed { before, why } => Err(Refusal {
                last: before,
                ..self.refuse(position, Reason::NotDurable(why))
            }),
        }
    }

    /// The last message is asked for (again): its signature if there is one, otherwise leave to make it.
    fn replay(
        &mut self,
        prepared: Prepared,
        now: &Moment,
        until: Duration,
        persisted_in: Option<Duration>,
    ) -> Result<Admission, Refusal> {
        let position = prepared.position();
        if let Err(why) = self.durable.mend_if_due(now) {
            return Err(self.refuse(position, Reason::NotDurable(why)));
        }
        let Watermark::Message(last) = self.durable.watermark() else {
            return Err(self.refuse(position, Reason::Watermark(watermark::Why::UsedUp)));
        };
        // Recovery of a shared store may have brought another message.
        if !last.position().same_but_for_time(position) {
            return Err(self.refuse(position, Reason::Watermark(watermark::Why::Conflict)));
        }
        let timestamp = last.position().timestamp;
        // W12. A permit bounds the extension to the precommit that was just admitted.
        let extension = prepared
            .into_extension()
            .map(|bytes| Permit::new(bytes, until));
        Ok(match last.signature() {
            Some(signature) => Admission::Replay {
                signature: signature.clone(),
                timestamp,
                extension,
                persisted_in,
            },
            None => Admission::Sign {
                permit: Permit::new(last.bytes().clone(), until),
                timestamp,
                extension,
                persisted_in,
            },
        })
    }
}
