//! Whoever a node asks has the others sign with it. Each member is one, and none is a leader.

use std::sync::Arc;
use std::time::Duration;

use crate::backends::cosign::ask::Peers;
use crate::backends::cosign::frost::Party;
use crate::consensus::{ChainId, Signature};
use crate::cosigner::{AskedJointly, JointSignature, MemberGate, NotJoint};
use crate::gate::permit::Permit;

use super::means::Means;
use super::own::OwnShare;
use super::pace::Pace;
use super::run::JointRun;
use super::tally::JointTally;

/// This member as the one that asks the others.
pub struct Coordinator(Means);

impl Coordinator {
    /// Of the member with this share, among these.
    pub fn new(party: Arc<Party>, peers: Arc<dyn Peers>) -> Self {
        let quorum = party.quorum();
        Self(Means {
            party,
            peers,
            pace: Pace::of(quorum),
            tally: JointTally::of(quorum),
        })
    }

    /// The signature of a vote or proposal, or of the same at another time where members are locked on that already; until the
    /// reading `until` of the monotonic clock.
    ///
    /// # Errors
    /// [`NotJoint`].
    pub fn sign(
        &self,
        asked: AskedJointly,
        own: &dyn MemberGate,
        until: Duration,
    ) -> Result<JointSignature, NotJoint> {
        JointRun::new(&self.0, own.chain_id(), OwnShare::Gate(own), asked).run(until)
    }

    /// The signature of an extension or of raw bytes, for which this member's gate gave a permit.
    ///
    /// # Errors
    /// [`NotJoint`].
    pub fn sign_beside(&self, chain_id: &ChainId, permit: &Permit) -> Result<Signature, NotJoint> {
        let run = JointRun::new(
            &self.0,
            chain_id,
            OwnShare::Permit(permit),
            AskedJointly {
                bytes: permit.to_sign_bytes(),
                is_locked: false,
            },
        );
        run.run(permit.until()).map(|joint| joint.signature)
    }

    /// Whether as many members as are needed can be asked now, this one included; otherwise why not.
    pub fn too_few_reachable(&self) -> Option<String> {
        let quorum = self.0.party.quorum();
        let there = self.0.peers.reachable().len() + 1;
        (there < usize::from(quorum.threshold())).then(|| {
            format!(
                "{there} of {} members are reachable, this one included, and {} are needed",
                quorum.members(),
                quorum.threshold()
            )
        })
    }

    /// What was counted.
    pub fn tally(&self) -> &JointTally {
        &self.0.tally
    }
}
