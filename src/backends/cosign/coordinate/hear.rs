//! What comes of an answer.

use tracing::warn;

use crate::backends::cosign::ask::{Answered, PeerAnswer};
use crate::backends::cosign::frost::SignatureShare;
use crate::consensus::{SignBytes, Signature, Timestamp};
use crate::cosigner::{JointSignature, NotJoint};
use crate::os::clock::{Clock, SystemClock};

use super::attempt::Attempt;
use super::own::{APART, SaidLock};
use super::run::{JointRun, JointStep};

impl JointRun<'_> {
    pub(super) fn hear(&mut self, answered: Answered) -> JointStep {
        let Answered {
            attempt: number,
            member,
            answer,
            ..
        } = answered;
        let at = self
            .attempts
            .iter()
            .position(|attempt| attempt.number == number && attempt.waits_for(member));
        let Some(at) = at else {
            return Ok(None);
        };
        let attempt = self.attempts.swap_remove(at);
        if !attempt.is_late && !matches!(answer, PeerAnswer::Lost) {
            self.with.pace.is_in_time(member);
        }
        // Without this member its nonces and those of the others are of no use in this set.
        if !matches!(answer, PeerAnswer::Share(_)) {
            attempt.spare(&*self.with.peers);
        }
        match answer {
            PeerAnswer::Share(share) => return self.take(attempt, member, share),
            PeerAnswer::Locked(on) => match self.own.said_lock(&self.asked, &attempt.target, on) {
                SaidLock::SameVote(on) if self.known.contradicts(member, &on) => {
                    self.lies(member, "says that it is locked on two times of one vote");
                }
                SaidLock::SameVote(on) => self.known.is_locked(member, on),
                SaidLock::TooFarApart => self.known.is_out(member, far_apart()),
                SaidLock::Wrong => self.lies(member, "says that it is locked on another message"),
            },
            PeerAnswer::Signed {
                signature,
                timestamp,
            } => {
                if let Some(joint) = self.known_whole(&attempt.target, signature, timestamp)? {
                    return Ok(Some(joint));
                }
                self.lies(member, "sent a wrong signature");
            }
            PeerAnswer::NoNonce => self.passes(member, "does not know its nonce any more"),
            PeerAnswer::NotYet(why) => {
                let now = SystemClock.monotonic();
                self.known.is_out_yet(member, refuses(member, &why), now);
            }
            PeerAnswer::Busy => self.passes(member, "has too many questions in hand"),
            PeerAnswer::Lost => self.passes(member, "was lost before it answered"),
            PeerAnswer::Refused(why) => self.known.is_out(member, refuses(member, &why)),
        }
        Ok(None)
    }

    fn take(&mut self, mut attempt: Attempt, member: u16, share: SignatureShare) -> JointStep {
        attempt.shares.insert(member, share);
        if self.own.locks() {
            self.known.is_locked(member, attempt.target.clone());
        }
        match attempt.first == Some(member) {
            true => self.collect(attempt),
            false => self.keep_or_finish(attempt),
        }
    }

    fn passes(&mut self, member: u16, why: &str) {
        self.known.is_out_now(member, why, SystemClock.monotonic());
    }

    /// A whole signature that somebody knows, verified, and on this host's disk before it leaves (W3); `None` where it is wrong.
    pub(super) fn known_whole(
        &self,
        target: &SignBytes,
        signature: Signature,
        timestamp: Timestamp,
    ) -> JointStep {
        let Some(bytes) = target.at_time(timestamp) else {
            return Ok(None);
        };
        if !timestamp.is_of_a_node()
            || !self
                .with
                .party
                .public_key()
                .verify(bytes.as_slice(), &signature)
        {
            return Ok(None);
        }
        if let Some(refusal) = self.own.keep(&bytes) {
            return Err(NotJoint::Refused(refusal));
        }
        Ok(Some(JointSignature { bytes, signature }))
    }

    pub(super) fn lies(&mut self, member: u16, what: &str) {
        let chain = self.chain_id;
        self.with.tally.bad(member);
        self.known.is_out(member, what);
        // The next votes begin with others, too.
        self.with.pace.is_late(member, SystemClock.monotonic());
        warn!(
            event = "bad_share",
            chain = %chain,
            member,
            "[{chain}] member {member} of this chain's cosigners {what}; it is not asked again for this vote. If it goes on, \
             look whether that host is broken into, or has the share of another splitting"
        );
    }
}

/// In the words of that member, whose commands are not for this host.
fn refuses(member: u16, why: &str) -> String {
    match why.contains('`') {
        true => format!("refuses (commands that follow are for member {member}'s host): {why}"),
        false => format!("refuses: {why}"),
    }
}

fn far_apart() -> String {
    format!(
        "is locked on this vote at a time that is more than {} minutes away; look at the clocks of the nodes",
        APART / 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_another_host_is_told_as_that() {
        let paused =
            "not signed: the chain is paused; `tmkms resume c-1 -c /home/tmkms.toml` ends that";
        assert_eq!(
            refuses(3, paused),
            format!("refuses (commands that follow are for member 3's host): {paused}")
        );
        assert_eq!(refuses(3, "it is late"), "refuses: it is late");
    }
}
