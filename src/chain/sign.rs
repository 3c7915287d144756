//! A request's way through a chain: from its arrival to its answer.

use std::time::Duration;

use crate::consensus::{Height, Signature, Timestamp};
use crate::events::{Event, RequestKind, Spent, VoteTime};
use crate::gate::refusal::{Reason, Refusal};
use crate::gate::{Admission, JudgedRequest};
use crate::os::clock::{Clock, Moment};
use crate::reason::ReasonKind;
use crate::reply::{Reply, Signed};
use crate::request::{Asked, Request, SignRequest};
use crate::signer::{Signer, SignerError};

use super::answer::{Answer, Asker, Releases, Respond, error_of, refused, told};
use super::deadline::{DEADLINE, DEVICE};
use super::state::Chain;

impl Respond for Chain {
    fn answer(
        &self,
        request: Request,
        arrival: &Moment,
        asker: &Asker<'_>,
        clock: &dyn Clock,
    ) -> Answer {
        match request {
            Request::Ping => told(Reply::Pong, Event::Pinged),
            Request::PublicKey { chain_id } => self.tell_public_key(chain_id),
            Request::Sign(request) => self.sign(request, arrival, asker, clock),
            Request::SignRaw(request) => self.sign_raw(&request, arrival, asker, clock),
            Request::Invalid(invalid) => {
                let kind = match invalid.asked {
                    Asked::Vote => RequestKind::Vote,
                    Asked::Proposal => RequestKind::Proposal,
                };
                let refusal = Refusal::of(Reason::Invalid(invalid.problem));
                refused(invalid.asked, kind, &refusal)
            }
        }
    }
}

impl Chain {
    fn sign(
        &self,
        request: SignRequest,
        arrival: &Moment,
        asker: &Asker<'_>,
        clock: &dyn Clock,
    ) -> Answer {
        let asked = request.asked();
        let hrs = request.hrs();
        let kind = RequestKind::of(hrs.step);
        match self.try_sign(&request, arrival, asker, clock) {
            Ok(made) => {
                let block = request.block().copied();
                let event = Event::Signed {
                    hrs,
                    block,
                    made: request.vote_time().map(|written| VoteTime {
                        written,
                        came: arrival.wall,
                    }),
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
        asker: &Asker<'_>,
        clock: &dyn Clock,
    ) -> Result<SignOutcome, SignFailure> {
        let refuse = |reason| SignFailure::Refused(refusal(request, reason));
        if request.chain_id != *self.id() {
            let asked = request.chain_id.clone();
            return Err(refuse(Reason::WrongChain {
                asked,
                configured: self.id().clone(),
            }));
        }
        let armed = self.signing().map_err(|not| refuse(not.reason()))?;
        within_max_height(request, asker.max_height).map_err(SignFailure::Refused)?;

        // W4: a device must have its share of the time, so the wait for the section has the rest.
        let waited = clock.monotonic().saturating_sub(arrival.monotonic);
        let patience = (DEADLINE - DEVICE).saturating_sub(waited);
        let mut gate = armed.enter(patience).ok_or_else(|| refuse(Reason::Busy))?;
        let now = clock.now();
        let until = (now.monotonic + DEVICE).min(arrival.monotonic + DEADLINE);
        let prepared = gate.prepare(request).map_err(SignFailure::Refused)?;
        let judged = gate.judge(prepared, &now).map_err(SignFailure::Refused)?;
        if let Some(wait) = self.lasting().hold.wait() {
            return Err(refuse(Reason::AwaitsChain(wait)));
        }
        // In memory, so that a wrong word is gone with the process.
        if let Some(floor) = self.lasting().floor.forbids(request.hrs().height) {
            return Err(refuse(Reason::BelowFloor(floor)));
        }
        // Double signs, what is behind and pauses are called so first, and only what is admitted keeps a chain with a node.
        let may = self.lasting().one_node.may(asker.node, now.boot);
        may.map_err(|other| refuse(Reason::OtherNode(other)))?;
        can_sign(&judged, armed.signer.as_ref()).map_err(SignFailure::Signer)?;
        let admission = judged.admit(until).map_err(SignFailure::Refused)?;
        self.lasting().one_node.serves(asker.node, now.boot);
        let admitted = clock.monotonic();
        let (signature, timestamp, extension, persisted_in, replayed) = match admission {
            Admission::Replay {
                signature,
                timestamp,
                extension,
                persisted_in,
            } => (signature, timestamp, extension, persisted_in, true),
            Admission::Sign {
                permit,
                timestamp,
                extension,
                persisted_in,
            } => {
                let signature = armed.signer.sign(&permit).map_err(SignFailure::Signer)?;
                gate.complete(permit, &signature);
                (signature, timestamp, extension, persisted_in, false)
            }
        };
        let outside = extension.is_some().then(|| armed.outside());
        drop(gate);
        let device = !replayed || extension.is_some();
        let extension = extension
            .map(|permit| armed.signer.sign(&permit))
            .transpose()
            .map_err(SignFailure::Signer)?;
        drop(outside);
        let done = clock.monotonic();
        let at_gate = admitted.saturating_sub(now.monotonic);
        Ok(SignOutcome {
            signature,
            timestamp,
            extension,
            replayed,
            done,
            spent: Spent {
                wait: now.since(arrival),
                gate: at_gate.saturating_sub(persisted_in.unwrap_or_default()),
                persist: persisted_in,
                device: device.then(|| done.saturating_sub(admitted)),
                reply: Duration::ZERO,
            },
        })
    }
}

/// What the key cannot or will not sign must not move the watermark: asked before [`JudgedRequest::admit`], unless the gate has the
/// message's signature. The extension of such a replay is signed, or not, after that.
fn can_sign(judged: &JudgedRequest<'_>, signer: &dyn Signer) -> Result<(), SignerError> {
    if !judged.needs_key() {
        return Ok(());
    }
    signer.accepts(judged.prepared())?;
    signer
        .unavailable_reason()
        .map_or(Ok(()), |why| Err(SignerError::Failed(why)))
}

/// Refuses what the settings of one validator entry forbid, before the gate is asked.
fn within_max_height(request: &SignRequest, max: Option<Height>) -> Result<(), Refusal> {
    match max {
        Some(max) if request.hrs().height > max => {
            Err(refusal(request, Reason::AboveMaxHeight(max)))
        }
        _ => Ok(()),
    }
}

/// Of a request that came to no gate.
fn refusal(request: &SignRequest, reason: Reason) -> Refusal {
    Refusal {
        asked: Some(request.hrs()),
        block: request.block().copied(),
        last: None,
        reason,
    }
}

struct SignOutcome {
    signature: Signature,
    timestamp: Timestamp,
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
