//! This member's own share, of a signature for which it asks the others.

use crate::backends::cosign::frost::OneNonce;
use crate::backends::cosign::member::{ShareAnswer, give};
use crate::consensus::SignBytes;
use crate::cosigner::MemberGate;
use crate::gate::permit::Permit;
use crate::gate::refusal::Refusal;

/// So many seconds, earlier or later, may another node's time of a vote be away from that of the node that asks here. Nodes whose
/// clocks are right make one vote within the time of a round; a member that is broken into must not choose any other time.
pub(super) const APART: u64 = 600;

/// What a member says that it is locked on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SaidLock {
    /// The same vote at another time.
    SameVote(SignBytes),
    /// The same vote, at a time that is not taken over.
    TooFarApart,
    /// What an honest member does not say.
    Wrong,
}

/// Where this member's share comes from.
#[derive(Clone, Copy)]
pub(super) enum OwnShare<'a> {
    /// Its gate, for a vote or proposal: the members are to agree on the time, too.
    Gate(&'a dyn MemberGate),
    /// A permit that it gave: an extension or raw bytes.
    Permit(&'a Permit),
}

impl OwnShare<'_> {
    /// Makes it. `ahead` is called while this host's disk works, if it has to, or before.
    pub fn share<S>(
        self,
        target: &SignBytes,
        nonce: OneNonce,
        ahead: &mut dyn FnMut(),
        share: impl FnOnce(OneNonce, &Permit) -> S,
    ) -> ShareAnswer<S> {
        match self {
            Self::Permit(permit) => {
                ahead();
                ShareAnswer::Share(share(nonce, permit))
            }
            Self::Gate(gate) => give(gate, target.as_slice().to_vec(), nonce, ahead, share),
        }
    }

    /// Puts a message of which somebody has the whole signature on this host's disk, unless that holds the same vote at another
    /// time already. Gives the refusal where it may not stand there.
    pub fn keep(self, bytes: &SignBytes) -> Option<Refusal> {
        let Self::Gate(gate) = self else {
            return None;
        };
        match give(gate, bytes.as_slice().to_vec(), (), &mut || (), |(), _| ()) {
            ShareAnswer::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the members are to agree on the time, too, and are locked then.
    pub fn locks(self) -> bool {
        matches!(self, Self::Gate(_))
    }

    /// What a member says that it is locked on, when it was asked for `target`, and a node for `asked`.
    pub fn said_lock(self, asked: &SignBytes, target: &SignBytes, on: Vec<u8>) -> SaidLock {
        let (Ok((on, position)), Ok(wanted)) = (SignBytes::from_record(on), asked.position())
        else {
            return SaidLock::Wrong;
        };
        let (time, wanted_time) = (position.timestamp, wanted.timestamp);
        if !self.locks()
            || !position.same_but_for_time(&wanted)
            || !time.is_of_a_node()
            || on == *target
        {
            return SaidLock::Wrong;
        }
        match time.seconds.abs_diff(wanted_time.seconds) <= APART {
            true => SaidLock::SameVote(on),
            false => SaidLock::TooFarApart,
        }
    }
}
