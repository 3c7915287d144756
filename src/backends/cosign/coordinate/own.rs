//! This member's own share, of a signature for which it asks the others.

use crate::backends::cosign::frost::OneNonce;
use crate::backends::cosign::member::{ShareAnswer, give};
use crate::consensus::SignBytes;
use crate::cosigner::MemberGate;
use crate::gate::permit::Permit;
use crate::gate::refusal::Refusal;

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

    /// The bytes that a member says it is locked on, if they are the target at another time, and a node's time.
    pub fn same_vote(self, target: &SignBytes, on: Vec<u8>) -> Option<SignBytes> {
        let Self::Gate(_) = self else {
            return None;
        };
        let (on, position) = SignBytes::from_record(on).ok()?;
        let is_same = position.same_but_for_time(&target.position().ok()?);
        (is_same && position.timestamp.is_of_a_node() && on != *target).then_some(on)
    }
}
