//! A request of this host's node, where this host has a share of the key only (W18).
//!
//! The gate is not held while other hosts are asked: two that each waited for the other's gate would both lose the vote. What it
//! decided is asked again when the share is given.

use std::time::Duration;

use crate::chain::answer::Asker;
use crate::chain::armed::Armed;
use crate::chain::deadline::{DEADLINE, DEVICE};
use crate::chain::state::Chain;
use crate::consensus::{ChainId, SignBytes};
use crate::cosigner::{AskedJointly, Cosigner, JointSignature, NotJoint};
use crate::events::Spent;
use crate::gate::Admission;
use crate::gate::refusal::Reason;
use crate::os::clock::{Clock, Moment};
use crate::request::SignRequest;
use crate::signer::SignerError;

use super::outcome::{SignFailure, SignOutcome, refusal};

/// What the gate said first.
enum Begun {
    /// The whole signature is known.
    Known(Admission),
    /// The members are to be asked for these bytes, and for the extension's.
    Ask {
        message: AskedJointly,
        extension: Option<SignBytes>,
    },
}

/// A request with what holds for it.
pub(super) struct JointRequest<'a> {
    pub armed: &'a Armed,
    pub request: &'a SignRequest,
    pub asker: &'a Asker<'a>,
    pub arrival: &'a Moment,
}

impl Chain {
    /// Signs together with the other members.
    pub(super) fn sign_jointly(
        &self,
        asked: &JointRequest<'_>,
        cosigner: &dyn Cosigner,
        clock: &dyn Clock,
    ) -> Result<SignOutcome, SignFailure> {
        let JointRequest { armed, request, .. } = asked;
        let busy = || SignFailure::Refused(refusal(request, Reason::Busy));
        let waited = clock.monotonic().saturating_sub(asked.arrival.monotonic);
        let patience = (DEADLINE - DEVICE).saturating_sub(waited);
        // One request of this host's nodes at a time: the next one is answered with what comes of this one.
        let _turn = armed.turn(patience).ok_or_else(busy)?;
        // In this order: who pauses or hands over waits for what was begun before.
        let _outside = armed.outside();
        let now = clock.now();
        let until = (now.monotonic + DEVICE).min(asked.arrival.monotonic + DEADLINE);
        let begun = self.begin_jointly(asked, &now, until)?;
        let begun_at = clock.monotonic();
        let mut device = None;
        let (signature, timestamp, extension, replayed) = match begun {
            Begun::Known(Admission::Replay {
                signature,
                timestamp,
                extension,
                ..
            }) => (signature, timestamp, extension, true),
            // It had a signature a moment ago, and the gate was not left since.
            Begun::Known(Admission::Sign { .. }) => return Err(busy()),
            Begun::Ask { message, extension } => {
                let joint = cosigner.sign_jointly(message, self, until);
                let JointSignature { bytes, signature } =
                    joint.map_err(|not| failure(not, armed, self.id()))?;
                device = Some(clock.monotonic().saturating_sub(begun_at));
                let timestamp = bytes.position().map(|position| position.timestamp);
                let timestamp = timestamp.map_err(|error| {
                    SignFailure::Signer(SignerError::WrongSignature(error.to_string()))
                })?;
                let latest = asked.arrival.monotonic + DEADLINE;
                let left = latest.saturating_sub(clock.monotonic());
                let extension = match (armed.enter(left), extension) {
                    (Some(mut gate), extension) => {
                        gate.complete_share(&bytes, &signature);
                        let admitted = extension.map(|bytes| gate.admit_extension(bytes, until));
                        admitted.transpose().map_err(SignFailure::Refused)?
                    }
                    // The vote stands without the gate, which would have remembered its signature.
                    (None, None) => None,
                    (None, Some(_)) => return Err(busy()),
                };
                (signature, timestamp, extension, false)
            }
        };
        let extension = extension
            .map(|permit| armed.signer.sign(&permit))
            .transpose()
            .map_err(SignFailure::Signer)?;
        let done = clock.monotonic();
        if extension.is_some() {
            device = Some(done.saturating_sub(begun_at));
        }
        Ok(SignOutcome {
            signature,
            timestamp,
            extension,
            replayed,
            done,
            spent: Spent {
                wait: now.since(asked.arrival),
                gate: begun_at.saturating_sub(now.monotonic),
                // This host's write is made while the others are asked.
                persist: None,
                device,
                reply: Duration::ZERO,
            },
        })
    }

    /// What this host refuses is asked of nobody.
    fn begin_jointly(
        &self,
        asked: &JointRequest<'_>,
        now: &Moment,
        until: Duration,
    ) -> Result<Begun, SignFailure> {
        let JointRequest {
            armed,
            request,
            asker,
            ..
        } = asked;
        let refuse = |reason| SignFailure::Refused(refusal(request, reason));
        let patience = until.saturating_sub(now.monotonic);
        let mut gate = armed.enter(patience).ok_or_else(|| refuse(Reason::Busy))?;
        let prepared = gate.prepare(request).map_err(SignFailure::Refused)?;
        let judged = gate.judge(prepared, now).map_err(SignFailure::Refused)?;
        self.hears_chain(request.hrs().height).map_err(refuse)?;
        let may = self.lasting().one_node.may(asker.node, now.boot);
        may.map_err(|other| refuse(Reason::OtherNode(other)))?;
        // Members that are away may come back while the node waits, and nothing is locked before they do.
        let accepted = armed.signer.accepts(judged.prepared());
        accepted.map_err(SignFailure::Signer)?;
        self.lasting().one_node.serves(asker.node, now.boot);
        if !judged.needs_key() {
            let admission = judged.admit(until).map_err(SignFailure::Refused)?;
            return Ok(Begun::Known(admission));
        }
        judged.foreseen().map_err(SignFailure::Refused)?;
        // Where this host is locked already, the others are asked for what it is locked on.
        let prepared = judged.prepared();
        let stands_at = judged.stands_at();
        Ok(Begun::Ask {
            message: AskedJointly {
                bytes: stands_at.unwrap_or(prepared.bytes()).clone(),
                is_locked: stands_at.is_some(),
            },
            extension: prepared.extension().cloned(),
        })
    }
}

fn failure(not: NotJoint, armed: &Armed, chain: &ChainId) -> SignFailure {
    match not {
        NotJoint::Refused(refusal) => SignFailure::Refused(refusal),
        NotJoint::TooFew(why) => SignFailure::Signer(SignerError::Failed(format!(
            "{why}; `{}` on this host shows the members",
            armed.commands.line(["cosign", "status", chain.as_str()])
        ))),
    }
}
