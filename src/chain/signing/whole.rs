//! A request's way through a chain: from its arrival to its answer.

use std::time::Duration;

use crate::consensus::Height;
use crate::events::{Event, RequestKind, Spent, VoteTime};
use crate::gate::Admission;
use crate::gate::refusal::{Reason, Refusal};
use crate::os::clock::{Clock, Moment};
use crate::reason::ReasonKind;
use crate::reply::{Reply, Signed};
use crate::request::{Asked, Request, SignRequest};

use crate::chain::answer::{Answer, Asker, Releases, Respond, error_of, refused, told};
use crate::chain::deadline::{DEADLINE, DEVICE};
use crate::chain::state::Chain;

use super::joint::JointRequest;
use super::outcome::{SignFailure, SignOutcome, can_sign, refusal, within_max_height};

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
        if let Some(cosigner) = armed.signer.cosigner() {
            let asked = JointRequest {
                armed: &armed,
                request,
                asker,
                arrival,
            };
            return self.sign_jointly(&asked, cosigner, clock);
        }

        // W4: a device must have its share of the time, so the wait for the section has the rest.
        let waited = clock.monotonic().saturating_sub(arrival.monotonic);
        let patience = (DEADLINE - DEVICE).saturating_sub(waited);
        let mut gate = armed.enter(patience).ok_or_else(|| refuse(Reason::Busy))?;
        let now = clock.now();
        let until = (now.monotonic + DEVICE).min(arrival.monotonic + DEADLINE);
        let prepared = gate.prepare(request).map_err(SignFailure::Refused)?;
        let judged = gate.judge(prepared, &now).map_err(SignFailure::Refused)?;
        self.hears_chain(request.hrs().height).map_err(refuse)?;
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

    /// What the chain's word forbids at this height: nothing while it is waited for, nothing that it has left behind. In memory, so
    /// that a wrong word is gone with the process.
    pub(super) fn hears_chain(&self, height: Height) -> Result<(), Reason> {
        if let Some(wait) = self.lasting().hold.wait() {
            return Err(Reason::AwaitsChain(wait));
        }
        match self.lasting().floor.forbids(height) {
            Some(floor) => Err(Reason::BelowFloor(floor)),
            None => Ok(()),
        }
    }
}
