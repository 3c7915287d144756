//! A chain: its gate, its key and what is known when one of them is missing (W7).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::consensus::{ChainId, Height, PublicKey, Signature};
use crate::events::Event;
use crate::gate::raw::{RawPolicy, RawRefused};
use crate::gate::refusal::{Reason, Refusal};
use crate::gate::section::Section;
use crate::gate::{Admission, Gate, View, within_max_height};
use crate::os::clock::{Clock, Moment};
use crate::reply::{Releases, RemoteError, Reply, Signed};
use crate::request::{Asked, RawRequest, Request, SignRequest};
use crate::signer::{Signer, SignerError, willing, within_length};

/// From the arrival of a request to its reply, in all (W4); what is later does not leave (W16).
pub const DEADLINE: Duration = Duration::from_millis(3_500);
/// How much of it a device may take.
pub const DEVICE: Duration = Duration::from_secs(2);

/// The `RemoteSignerError` code of a key or device that failed.
const SIGNER_FAILED: i32 = 20;
/// The `RemoteSignerError` code of a public key that is not known.
const NO_PUBLIC_KEY: i32 = 21;

/// One chain of the configuration.
pub struct Chain {
    id: ChainId,
    public_key: Option<PublicKey>,
    armed: Result<Armed, String>,
}

/// What signs.
pub struct Armed {
    gate: Section<Gate>,
    signer: Arc<dyn Signer>,
    raw: Option<RawPolicy>,
    /// Set while the gate's store does not work, for the supervisor to see without waiting.
    broken: AtomicBool,
}

/// A reply, and what to tell about it once it has left.
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// What happened.
    pub event: Event,
    /// What the reply releases.
    pub releases: Releases,
}

impl Armed {
    /// A gate with the key that its permits are for.
    pub fn new(gate: Gate, signer: Arc<dyn Signer>) -> Self {
        Self {
            gate: Section::new(gate),
            signer,
            raw: None,
            broken: AtomicBool::new(false),
        }
    }

    /// Signs raw bytes, too, within this policy.
    pub fn signing_raw(self, raw: Option<RawPolicy>) -> Self {
        Self { raw, ..self }
    }
}

impl Chain {
    /// A chain that signs.
    pub fn armed(id: ChainId, armed: Armed) -> Self {
        Self {
            public_key: Some(armed.signer.public_key()),
            id,
            armed: Ok(armed),
        }
    }

    /// A chain that only answers, and why.
    pub fn unarmed(id: ChainId, public_key: Option<PublicKey>, why: String) -> Self {
        Self {
            id,
            public_key,
            armed: Err(why),
        }
    }

    /// The chain id.
    pub fn id(&self) -> &ChainId {
        &self.id
    }

    /// The public key, where it is known.
    pub fn public_key(&self) -> Option<PublicKey> {
        self.public_key
    }

    /// Why it does not sign, if so.
    pub fn why_unarmed(&self) -> Option<&str> {
        self.armed.as_ref().err().map(String::as_str)
    }

    /// Why an armed chain's key cannot sign at the moment, if so.
    pub fn key_trouble(&self) -> Option<String> {
        let armed = self.armed.as_ref().ok()?;
        armed.signer.trouble()
    }

    /// Whether the store failed and [`Chain::recover`] has work to do.
    pub fn is_broken(&self) -> bool {
        self.armed
            .as_ref()
            .is_ok_and(|armed| armed.broken.load(Ordering::Relaxed))
    }

    /// Tries to mend the store (W8), unless the gate is busy. `true` when it is mended.
    pub fn recover(&self, clock: &dyn Clock) -> bool {
        let Ok(armed) = &self.armed else { return true };
        let Some(mut gate) = armed.gate.enter(Duration::from_millis(100)) else {
            return false;
        };
        let mended = gate.recover(&clock.now());
        armed.broken.store(!mended, Ordering::Relaxed);
        mended
    }

    /// What the gate shows; `None` when it is busy or there is none.
    pub fn view(&self) -> Option<View> {
        let armed = self.armed.as_ref().ok()?;
        armed
            .gate
            .enter(Duration::from_millis(100))
            .map(|gate| gate.view())
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
            Request::Invalid(invalid) => refused(
                invalid.asked,
                &Refusal::of(Reason::Invalid(invalid.problem)),
            ),
        }
    }

    fn tell_public_key(&self, asked: String) -> Answer {
        let fail = |refusal: Refusal, code| {
            let error = RemoteError {
                code,
                description: refusal.to_string(),
            };
            told(Reply::PublicKey(Err(error)), refused_event(&refusal))
        };
        if asked != self.id.as_str() {
            let refusal = Refusal::of(Reason::WrongChain {
                asked,
                configured: self.id.clone(),
            });
            let code = refusal.reason.number();
            return fail(refusal, code);
        }
        match (&self.public_key, &self.armed) {
            (Some(key), _) => told(Reply::PublicKey(Ok(*key)), Event::PublicKeyAsked),
            (None, Err(why)) => fail(Refusal::of(Reason::NotArmed(why.clone())), NO_PUBLIC_KEY),
            (None, Ok(armed)) => told(
                Reply::PublicKey(Ok(armed.signer.public_key())),
                Event::PublicKeyAsked,
            ),
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
        match self.try_sign(&request, arrival, max_height, clock) {
            Ok(made) => {
                let block = request.block().copied();
                let event = Event::Signed {
                    hrs,
                    block,
                    replayed: made.replayed,
                    took: clock.now().since(arrival),
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
            Err(Trouble::Refused(refusal)) => refused(asked, &refusal),
            Err(Trouble::Signer(error)) => {
                let message = format!("{hrs} not signed: {error}");
                let error = RemoteError {
                    code: SIGNER_FAILED,
                    description: message.clone(),
                };
                told(
                    Reply::Refused { asked, error },
                    Event::SignerFailed { message },
                )
            }
        }
    }

    /// Raw bytes have no position, so they wait for no gate and hold no vote up on the host.
    fn sign_raw(&self, request: &RawRequest, arrival: &Moment, clock: &dyn Clock) -> Answer {
        let refuse = |refusal: Refusal| {
            let error = remote(&refusal);
            told(Reply::RawRefused(error), refused_event(&refusal))
        };
        let armed = match &self.armed {
            Ok(armed) => armed,
            Err(why) => return refuse(Refusal::of(Reason::NotArmed(why.clone()))),
        };
        let until = arrival.monotonic + DEVICE;
        let admitted = armed
            .raw
            .as_ref()
            .ok_or(RawRefused::NotAllowed)
            .and_then(|policy| policy.admit(&self.id, request, until));
        let permit = match admitted {
            Ok(permit) => permit,
            Err(why) => return refuse(Refusal::of(Reason::RawBytes(why))),
        };
        match armed.signer.sign(&permit) {
            Ok(signature) => Answer {
                reply: Reply::RawSigned(signature),
                event: Event::RawSigned {
                    bytes: permit.bytes().len(),
                    took: clock.now().since(arrival),
                },
                releases: Releases::Raw,
            },
            Err(error) => {
                let message = format!("raw bytes not signed: {error}");
                let error = RemoteError {
                    code: SIGNER_FAILED,
                    description: message.clone(),
                };
                told(Reply::RawRefused(error), Event::SignerFailed { message })
            }
        }
    }

    fn try_sign(
        &self,
        request: &SignRequest,
        arrival: &Moment,
        max_height: Option<Height>,
        clock: &dyn Clock,
    ) -> Result<Made, Trouble> {
        let refuse = |reason| {
            Trouble::Refused(Refusal {
                asked: Some(request.hrs()),
                block: request.block().copied(),
                last: None,
                reason,
            })
        };
        if request.chain_id != self.id {
            let asked = request.chain_id.as_str().to_owned();
            return Err(refuse(Reason::WrongChain {
                asked,
                configured: self.id.clone(),
            }));
        }
        let armed = self
            .armed
            .as_ref()
            .map_err(|why| refuse(Reason::NotArmed(why.clone())))?;
        within_max_height(request, max_height).map_err(Trouble::Refused)?;

        // W4: a device must have its share of the time, so the wait for the section has the rest.
        let patience = (DEADLINE - DEVICE).saturating_sub(clock.now().since(arrival));
        let mut gate = armed
            .gate
            .enter(patience)
            .ok_or_else(|| refuse(Reason::Busy))?;
        within_length(request, &gate, armed.signer.as_ref()).map_err(Trouble::Signer)?;
        let now = clock.now();
        let until = (now.monotonic + DEVICE).min(arrival.monotonic + DEADLINE);
        willing(request, &gate, armed.signer.as_ref()).map_err(Trouble::Signer)?;
        let admission = gate.admit(request, &now, until);
        if gate.is_broken() != armed.broken.load(Ordering::Relaxed) {
            armed.broken.store(gate.is_broken(), Ordering::Relaxed);
        }
        let (signature, timestamp, extension, replayed) =
            match admission.map_err(Trouble::Refused)? {
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
                    let signature = armed.signer.sign(&permit).map_err(Trouble::Signer)?;
                    gate.complete(permit, &signature);
                    (signature, timestamp, extension, false)
                }
            };
        drop(gate);
        let extension = extension
            .map(|permit| armed.signer.sign(&permit))
            .transpose()
            .map_err(Trouble::Signer)?;
        Ok(Made {
            signature,
            timestamp,
            extension,
            replayed,
        })
    }
}

struct Made {
    signature: Signature,
    timestamp: crate::consensus::Timestamp,
    extension: Option<Signature>,
    replayed: bool,
}

enum Trouble {
    Refused(Refusal),
    Signer(SignerError),
}

fn told(reply: Reply, event: Event) -> Answer {
    Answer {
        reply,
        event,
        releases: Releases::Nothing,
    }
}

fn refused(asked: Asked, refusal: &Refusal) -> Answer {
    told(
        Reply::Refused {
            asked,
            error: remote(refusal),
        },
        refused_event(refusal),
    )
}

fn remote(refusal: &Refusal) -> RemoteError {
    RemoteError {
        code: refusal.reason.number(),
        description: refusal.to_string(),
    }
}

fn refused_event(refusal: &Refusal) -> Event {
    Event::Refused {
        code: refusal.reason.code(),
        double_sign: refusal.reason.is_double_sign(),
        message: refusal.to_string(),
    }
}
