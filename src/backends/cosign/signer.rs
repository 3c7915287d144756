//! A share as a chain's key: what is signed with it is signed together with the other members.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::consensus::{ChainId, Hrs, PublicKey, Signature};
use crate::cosigner::{
    AskedJointly, Cosigner, CosignersSample, JointSignature, MemberGate, NotJoint,
};
use crate::gate::Prepared;
use crate::gate::permit::Permit;
use crate::signer::{Signer, SignerError, within_length};

use super::coordinate::Coordinator;
use super::frost::Party;
use super::peers::longest_asked;
use super::serving::Serving;

/// The key of one chain. Several chains with one share have one of these each, and share the rest.
pub struct CosignSigner {
    party: Arc<Party>,
    serving: Arc<Serving>,
    coordinator: Arc<Coordinator>,
    /// Which chain it is that has this key, once that is armed.
    chain: Mutex<Option<ChainId>>,
    /// Adds what there is to see of the links, and keeps them.
    see: Option<Box<See>>,
    /// Brings the links up, if they are not.
    begin: Option<Box<Begin>>,
}

type Begin = dyn Fn() + Send + Sync;
type See = dyn Fn(&mut CosignersSample, Option<&ChainId>) + Send + Sync;

impl CosignSigner {
    /// Of a member that answers and asks in this way.
    pub fn new(party: Arc<Party>, serving: Arc<Serving>, coordinator: Arc<Coordinator>) -> Self {
        Self {
            party,
            serving,
            coordinator,
            chain: Mutex::new(None),
            see: None,
            begin: None,
        }
    }

    /// With links, of which `see` adds what there is to see, and which `begin` brings up, if they are not.
    pub(super) fn with_links(
        self,
        see: impl Fn(&mut CosignersSample, Option<&ChainId>) + Send + Sync + 'static,
        begin: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let see: Option<Box<See>> = Some(Box::new(see));
        let begin: Option<Box<Begin>> = Some(Box::new(begin));
        Self { see, begin, ..self }
    }
}

impl Signer for CosignSigner {
    fn public_key(&self) -> PublicKey {
        self.party.public_key().clone()
    }

    fn accepts(&self, prepared: &Prepared) -> Result<(), SignerError> {
        within_length(prepared, longest_asked(self.party.quorum().threshold()))
    }

    fn unavailable_reason(&self) -> Option<String> {
        self.coordinator.too_few_reachable()
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        let chain = self.chain.lock().clone();
        let Some(chain) = chain else {
            let why = "the chain of this share is not armed".to_owned();
            return Err(SignerError::Failed(why));
        };
        let signed = self.coordinator.sign_beside(&chain, permit);
        signed.map_err(|error| match error {
            NotJoint::Refused(refusal) => SignerError::Failed(refusal.to_string()),
            NotJoint::TooFew(why) => SignerError::Failed(why),
        })
    }

    fn cosigner(&self) -> Option<&dyn Cosigner> {
        Some(self)
    }
}

impl Cosigner for CosignSigner {
    fn id(&self) -> u16 {
        self.party.id()
    }

    fn join(&self, chain_id: &ChainId, member: Weak<dyn MemberGate>, at: Option<Hrs>) {
        *self.chain.lock() = Some(chain_id.clone());
        self.serving.join(chain_id, member, at);
    }

    fn begin(&self) {
        // Not before: one that cannot be armed here may be at work on another host, with this very identity.
        if let Some(begin) = &self.begin {
            begin();
        }
    }

    fn sample(&self) -> CosignersSample {
        let counts = self.coordinator.tally().counts();
        let mut sample = CosignersSample {
            own: self.party.id(),
            threshold: self.party.quorum().threshold(),
            signed: counts.signed,
            unsigned: counts.unsigned,
            more_sets: counts.more_sets,
            nonces_shown: self.serving.nonces_waiting().try_into().unwrap_or(u64::MAX),
            ..CosignersSample::default()
        };
        if let Some(see) = &self.see {
            see(&mut sample, self.chain.lock().as_ref());
        }
        sample
    }

    fn sign_jointly(
        &self,
        asked: AskedJointly,
        own: &dyn MemberGate,
        until: Duration,
    ) -> Result<JointSignature, NotJoint> {
        let known = self.serving.catch_up(own.chain_id(), own);
        known.map_err(NotJoint::Refused)?;
        self.coordinator.sign(asked, own, until)
    }
}
