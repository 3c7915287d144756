//! A chain: its gate, its key and what is known when one of them is missing (W7).

mod answer;
mod public_key;
mod raw;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::consensus::{ChainId, Height, Signature};
use crate::events::{Event, Kind, Spent};
use crate::gate::heights::bucket::Rate;
use crate::gate::raw::RawPolicy;
use crate::gate::refusal::{Reason, Refusal};
use crate::gate::snapshot::{GateSnapshot, SnapshotCell};
use crate::gate::store::StoreError;
use crate::gate::store::etcd::SharedHandle;
use crate::gate::timed_mutex::TimedMutex;
use crate::gate::{Admission, Gate, GateView, within_max_height};
use crate::os::clock::{Clock, Moment};
use crate::reason::ReasonKind;
use crate::reply::{Reply, Signed};
use crate::request::{Asked, Request, SignRequest};
use crate::signer::{Signer, SignerError};

pub use answer::{Answer, Releases};
use answer::{error_of, refused, told};
use state::{ChainState, News};

/// From the arrival of a request to its reply, in all (W4); what is later does not leave (W16).
pub const DEADLINE: Duration = Duration::from_millis(3_500);
/// How much of it a device may take.
pub const DEVICE: Duration = Duration::from_secs(2);

/// One chain of the configuration.
pub struct Chain {
    id: ChainId,
    /// Held for a look alone, never while something is signed.
    standing: RwLock<ChainState>,
    news: News,
}

/// What signs.
pub struct Armed {
    gate: TimedMutex<Gate>,
    signer: Arc<dyn Signer>,
    raw: Option<RawPolicy>,
    /// What can be seen of the store, where other hosts share it.
    shared: Option<SharedHandle>,
    /// Set while the gate's store does not work, for the supervisor to see without waiting; and why, written only when
    /// it changes.
    broken: AtomicBool,
    why: Mutex<Option<String>>,
    /// What the gate showed last, to be seen without waiting for it.
    shown: SnapshotCell,
    rate: Rate,
    last_asked: Option<Height>,
}

impl Armed {
    /// A gate with the key that its permits are for.
    pub fn new(gate: Gate, signer: Arc<dyn Signer>) -> Self {
        let shown = SnapshotCell::default();
        shown.show(&gate.snapshot());
        Self {
            rate: gate.rate(),
            last_asked: gate.last_asked(),
            gate: TimedMutex::new(gate),
            signer,
            raw: None,
            shared: None,
            broken: AtomicBool::new(false),
            why: Mutex::new(None),
            shown,
        }
    }

    /// Publishes what there is to see of the gate; only ever called by whoever holds it.
    fn show(&self, gate: &Gate) {
        self.shown.show(&gate.snapshot());
        if gate.is_broken() != self.broken.load(Ordering::Relaxed) {
            self.tell_broken(gate);
        }
    }

    fn tell_broken(&self, gate: &Gate) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = gate.view().broken;
        self.broken.store(gate.is_broken(), Ordering::Relaxed);
    }

    /// Its store is shared with other hosts.
    pub fn sharing(self, shared: Option<SharedHandle>) -> Self {
        Self { shared, ..self }
    }

    /// Signs raw bytes, too, within this policy.
    pub fn signing_raw(self, raw: Option<RawPolicy>) -> Self {
        Self { raw, ..self }
    }
}

impl Chain {
    /// Why an armed chain's key cannot sign at the moment, if so.
    pub fn key_trouble(&self) -> Option<String> {
        let armed = self.signing().ok()?;
        armed.signer.unavailable_reason()
    }

    /// Whether the store failed and [`Chain::recover`] has work to do.
    pub fn is_broken(&self) -> bool {
        self.signing()
            .is_ok_and(|armed| armed.broken.load(Ordering::Relaxed))
    }

    /// Tries to mend the store (W8), unless the gate is busy. `true` when it is mended.
    pub fn recover(&self, clock: &dyn Clock) -> bool {
        let Ok(armed) = self.signing() else {
            return true;
        };
        let Some(mut gate) = armed.gate.enter(Duration::from_millis(100)) else {
            return false;
        };
        let mended = gate.recover(&clock.now());
        armed.show(&gate);
        armed.tell_broken(&gate);
        mended
    }

    /// The end of this chain: nothing new is signed, and its store knows that it stopped cleanly, unless the gate stays
    /// busy for longer than `patience`.
    ///
    /// # Errors
    /// Why the store could not be told so.
    pub fn close(&self, patience: Duration, clock: &dyn Clock) -> Result<(), StoreError> {
        let Ok(armed) = self.signing() else {
            return Ok(());
        };
        match armed.gate.enter(patience) {
            Some(mut gate) => gate.close(&clock.now()),
            None => Ok(()),
        }
    }

    /// What can be seen of an armed chain's store, where other hosts share it.
    pub fn shared(&self) -> Option<SharedHandle> {
        self.signing().ok()?.shared.clone()
    }

    /// Takes in what was seen of a shared store, unless the gate is busy: then votes bring the same.
    pub fn refresh(&self, clock: &dyn Clock) {
        let Ok(armed) = self.signing() else {
            return;
        };
        if let Some(mut gate) = armed.gate.enter(Duration::from_millis(10)) {
            gate.refresh(&clock.now());
            armed.show(&gate);
        }
    }

    /// What the gate showed last, without waiting for it; `None` where there is none.
    pub fn view(&self) -> Option<GateView> {
        let armed = self.signing().ok()?;
        Some(GateView {
            last: armed.shown.look().last,
            broken: armed
                .why
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        })
    }

    /// The watermark and the tokens as they were last shown, without waiting; `None` where there is no gate.
    pub fn snapshot(&self) -> Option<(GateSnapshot, Rate)> {
        let armed = self.signing().ok()?;
        Some((armed.shown.look(), armed.rate))
    }

    /// The last height that a node asked for before the start, unless the operator set the watermark since.
    pub fn last_asked(&self) -> Option<Height> {
        self.signing().ok()?.last_asked
    }

    /// Answers one request that arrived at `arrival`. Every request has an answer (W9).
    pub fn answer(
        &self,
        request: Request,
        arrival: &Moment,
        max_height: Option<Height>,
        clock: &dyn Clock,
    ) -> Answer {
        match request {
            Request::Ping => told(Reply::Pong, Event::Pinged),
            Request::PublicKey { chain_id } => self.tell_public_key(chain_id),
            Request::Sign(request) => self.sign(request, arrival, max_height, clock),
            Request::SignRaw(request) => self.sign_raw(&request, arrival, clock),
            Request::Invalid(invalid) => {
                let kind = match invalid.asked {
                    Asked::Vote => Kind::Vote,
                    Asked::Proposal => Kind::Proposal,
                };
                let refusal = Refusal::of(Reason::Invalid(invalid.problem));
                refused(invalid.asked, kind, &refusal)
            }
        }
    }

    fn sign(
        &self,
        request: SignRequest,
        arrival: &Moment,
        max_height: Option<Height>,
        clock: &dyn Clock,
    ) -> Answer {
        let asked = request.asked();
        let hrs = request.hrs();
        let kind = Kind::of(hrs.step);
        match self.try_sign(&request, arrival, max_height, clock) {
            Ok(made) => {
                let block = request.block().copied();
                let event = Event::Signed {
                    hrs,
                    block,
                    replayed: made.replayed,
                    took: made.done.saturating_sub(arrival.monotonic),
                    spent: made.spent,
                };
                let signed = Signed {
                    request,
                    timestamp: made.timestamp,
                    signature: made.signature,
                    extension_signature: made.extension,
                };
                Answer {
                    reply: Reply::Signed(Box::new(signed)),
                    event,
                    releases: Releases::Position(hrs),
                }
            }
            Err(SignFailure::Refused(refusal)) => refused(asked, kind, &refusal),
            Err(SignFailure::Signer(error)) => {
                let message = format!("{hrs} not signed: {error}");
                let error = error_of(ReasonKind::SignerFailed, message.clone());
                let hrs = Some(hrs);
                told(
                    Reply::Refused { asked, error },
                    Event::SignerFailed { kind, hrs, message },
                )
            }
        }
    }

    fn try_sign(
        &self,
        request: &SignRequest,
        arrival: &Moment,
        max_height: Option<Height>,
        clock: &dyn Clock,
    ) -> Result<SignOutcome, SignFailure> {
        let refuse = |reason| {
            SignFailure::Refused(Refusal {
                asked: Some(request.hrs()),
                block: request.block().copied(),
                last: None,
                reason,
            })
        };
        if request.chain_id != self.id {
            let asked = request.chain_id.clone();
            return Err(refuse(Reason::WrongChain {
                asked,
                configured: self.id.clone(),
            }));
        }
        let armed = self
            .signing()
            .map_err(|why| refuse(Reason::NotArmed(why)))?;
        within_max_height(request, max_height).map_err(SignFailure::Refused)?;

        // W4: a device must have its share of the time, so the wait for the section has the rest.
        let waited = clock.monotonic().saturating_sub(arrival.monotonic);
        let patience = (DEADLINE - DEVICE).saturating_sub(waited);
        let mut gate = armed
            .gate
            .enter(patience)
            .ok_or_else(|| refuse(Reason::Busy))?;
        let now = clock.now();
        let until = (now.monotonic + DEVICE).min(arrival.monotonic + DEADLINE);
        can_sign(request, &gate, armed.signer.as_ref()).map_err(SignFailure::Signer)?;
        let admission = gate.admit(request, &now, until);
        armed.show(&gate);
        let admitted = clock.monotonic();
        let persist = gate.persisted_in();
        let (signature, timestamp, extension, replayed) =
            match admission.map_err(SignFailure::Refused)? {
                Admission::Replay {
                    signature,
                    timestamp,
                    extension,
                } => (signature, timestamp, extension, true),
                Admission::Sign {
                    permit,
                    timestamp,
                    extension,
                } => {
                    let signature = armed.signer.sign(&permit).map_err(SignFailure::Signer)?;
                    gate.complete(permit, &signature);
                    (signature, timestamp, extension, false)
                }
            };
        drop(gate);
        let device = !replayed || extension.is_some();
        let extension = extension
            .map(|permit| armed.signer.sign(&permit))
            .transpose()
            .map_err(SignFailure::Signer)?;
        let done = clock.monotonic();
        let judged = admitted.saturating_sub(now.monotonic);
        Ok(SignOutcome {
            signature,
            timestamp,
            extension,
            replayed,
            done,
            spent: Spent {
                wait: now.since(arrival),
                gate: judged.saturating_sub(persist.unwrap_or_default()),
                persist,
                device: device.then(|| done.saturating_sub(admitted)),
                reply: Duration::ZERO,
            },
        })
    }
}

/// What the key cannot or will not sign must not move the watermark: asked before [`Gate::admit`], unless the gate itself
/// has the signature or refuses.
fn can_sign(request: &SignRequest, gate: &Gate, signer: &dyn Signer) -> Result<(), SignerError> {
    if !gate.needs_key(request) {
        return Ok(());
    }
    signer.accepts(request, gate.extension_bytes(request).as_ref())?;
    signer
        .unavailable_reason()
        .map_or(Ok(()), |why| Err(SignerError::Failed(why)))
}

struct SignOutcome {
    signature: Signature,
    timestamp: crate::consensus::Timestamp,
    extension: Option<Signature>,
    replayed: bool,
    /// When, by the monotonic clock.
    done: Duration,
    spent: Spent,
}

enum SignFailure {
    Refused(Refusal),
    Signer(SignerError),
}
