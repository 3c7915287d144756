//! One try of as many members as are needed to sign the same bytes, with nonces of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::backends::cosign::ask::{AskedShare, JointOnce, Peers, ShownNonce};
use crate::backends::cosign::frost::{
    Commitments, FrostError, Joint, OneNonce, Party, SignatureShare,
};
use crate::backends::cosign::nonces::NonceId;
use crate::consensus::{ChainId, SignBytes, Signature};

use super::plan::NextSet;

/// A try that is under way. A nonce with which somebody was asked is never used in another one.
pub(super) struct Attempt {
    /// Whose try it is.
    own: u16,
    /// Its number.
    pub number: u32,
    /// What is signed.
    pub target: SignBytes,
    /// Those of all its members.
    pub commitments: BTreeMap<u16, Commitments>,
    /// Of the members that are yet to be asked.
    pub unasked: BTreeMap<u16, NonceId>,
    /// This member's, until it is used.
    pub own_nonce: Option<OneNonce>,
    /// What all of it comes to, but for the shares.
    pub joint: JointOnce,
    /// What came.
    pub shares: BTreeMap<u16, SignatureShare>,
    /// Who is asked alone, until it has answered.
    pub first: Option<u16>,
    /// When it began to wait, by the monotonic clock.
    pub since: Duration,
    /// Another one was begun beside it.
    pub is_late: bool,
}

impl Attempt {
    /// Of these members, with the nonces that the others have shown and a fresh one of this member, if it is among them.
    pub fn of(
        number: u32,
        set: NextSet,
        shown: Vec<(u16, Option<ShownNonce>)>,
        party: &Party,
        now: Duration,
    ) -> Self {
        let mut attempt = Self {
            own: party.id(),
            number,
            target: set.target,
            commitments: BTreeMap::new(),
            unasked: BTreeMap::new(),
            own_nonce: None,
            joint: JointOnce::default(),
            shares: BTreeMap::new(),
            first: set.first,
            since: now,
            is_late: false,
        };
        for (member, shown) in shown {
            if let Some(ShownNonce { nonce, commitments }) = shown {
                attempt.commitments.insert(member, commitments);
                attempt.unasked.insert(member, nonce);
            }
        }
        if set.members.contains(&party.id()) {
            let (nonce, commitments) = party.commit();
            attempt.commitments.insert(party.id(), commitments);
            attempt.own_nonce = Some(nonce);
        }
        attempt
    }

    /// The question for a member; `None` when it was asked before, or is not one of these.
    pub fn question(&mut self, member: u16, chain_id: &ChainId) -> Option<AskedShare> {
        let nonce = self.unasked.remove(&member)?;
        Some(AskedShare {
            chain_id: chain_id.clone(),
            bytes: self.target.as_slice().to_vec(),
            nonce,
            commitments: self.commitments.clone(),
            joint: JointOnce::default(),
        })
    }

    /// Gives the nonces with which nobody was asked back, where the try comes to nothing. Each makes one share at most, at the member
    /// that has it, whatever others were told of it.
    pub fn spare(&self, peers: &dyn Peers) {
        for (member, nonce) in &self.unasked {
            peers.give_back(*member, *nonce);
        }
    }

    /// Whether an answer of this member is waited for. One's own share is none.
    pub fn waits_for(&self, member: u16) -> bool {
        member != self.own
            && self.commitments.contains_key(&member)
            && !self.unasked.contains_key(&member)
            && !self.shares.contains_key(&member)
    }

    /// Whether an answer of one of these is waited for.
    pub fn waits_for_one_of(&self, members: &[u16]) -> bool {
        members.iter().any(|member| self.waits_for(*member))
    }

    /// Who has not answered.
    pub fn missing(&self) -> Vec<u16> {
        let all = self.commitments.keys().copied();
        all.filter(|member| self.waits_for(*member)).collect()
    }

    /// Does what can be done before all shares are there, while the others make them.
    ///
    /// # Errors
    /// The library refuses the commitments.
    pub fn prepare(&self, party: &Party) -> Result<&Joint, FrostError> {
        let work = || party.joint(self.target.as_slice(), &self.commitments);
        self.joint.get(work)
    }

    /// The signature that the shares give.
    ///
    /// # Errors
    /// Who sent a wrong share, or what else is wrong.
    pub fn aggregate(&self, party: &Party) -> Result<Signature, FrostError> {
        party.aggregate(self.prepare(party)?, &self.shares)
    }

    /// Whether all shares are there.
    pub fn is_complete(&self) -> bool {
        self.shares.len() == self.commitments.len()
    }
}
