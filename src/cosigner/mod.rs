//! What a chain and the cosigners of its key are to each other (W18). No shares here: those are in `backends::cosign`.

mod sample;

use std::sync::Weak;
use std::time::Duration;

use crate::consensus::{ChainId, Hrs, SignBytes, Signature, Timestamp};
use crate::gate::permit::Permit;
use crate::gate::refusal::Refusal;

pub use sample::{CosignerSample, CosignersSample};

/// This host's part in a chain, for the share that it has of the key: its gate, and what the operator said of the chain.
pub trait MemberGate: Send + Sync {
    /// The chain.
    fn chain_id(&self) -> &ChainId;

    /// Asks for leave to give a share of the signature of exactly these bytes, whatever they are: a vote, a proposal, an extension,
    /// raw bytes. `share` is called with the leave, once, before this returns [`Given::Share`]. `ahead` is called before the watermark
    /// is written, if nothing else is in the way.
    fn give(
        &self,
        bytes: Vec<u8>,
        ahead: &mut dyn FnMut(),
        share: &mut dyn FnMut(&Permit),
    ) -> Given;

    /// Takes in a signature of the whole key; what is not one is ignored.
    ///
    /// # Errors
    /// It has to be tried again: the chain is not armed, its gate is busy, or its store does not work.
    fn learn(&self, bytes: Vec<u8>, signature: &Signature) -> Result<(), Refusal>;

    /// Where the watermark stands, and what was signed there, as far as it is known.
    fn stands(&self) -> GateStands;
}

/// Where a watermark stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateStands {
    /// The position; `None` before the first message.
    pub at: Option<Hrs>,
    /// The last message of which the whole signature is known, there or before.
    pub signed: Option<JointSignature>,
    /// Why no share is given at all, whatever is asked for.
    pub refuses: Option<String>,
}

/// What the chain said.
#[derive(Debug)]
pub enum Given {
    /// Leave, which was used.
    Share,
    /// None: this host is locked on these bytes, which differ in nothing but their time.
    Locked(SignBytes),
    /// None is needed: the whole signature is known here.
    Signed {
        /// That signature.
        signature: Signature,
        /// The timestamp that it covers.
        timestamp: Timestamp,
    },
    /// None, and why.
    Refused(Refusal),
}

/// A key of which this host has a share only.
pub trait Cosigner: Send + Sync {
    /// Which member this host is, counted from 1.
    fn id(&self) -> u16;

    /// From now on the other members are answered for this chain, as long as it lives. `at` is where its watermark stands.
    fn join(&self, chain_id: &ChainId, member: Weak<dyn MemberGate>, at: Option<Hrs>);

    /// A chain that has joined signs from now on: brings links to the others up, or tells those that are linked.
    fn begin(&self);

    /// How it is now. Waits for nobody.
    fn sample(&self) -> CosignersSample;

    /// Has the members sign a vote or proposal together; `own` is this host's part. `until` is the reading of the monotonic clock up
    /// to which it may take; this host's own write, once it was begun, is waited for.
    ///
    /// # Errors
    /// [`NotJoint`].
    fn sign_jointly(
        &self,
        asked: AskedJointly,
        own: &dyn MemberGate,
        until: Duration,
    ) -> Result<JointSignature, NotJoint>;
}

/// What the members are to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedJointly {
    /// A vote or proposal.
    pub bytes: SignBytes,
    /// This host's gate stands at these very bytes already.
    pub is_locked: bool,
}

/// A signature that as many members as are needed have made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JointSignature {
    /// What it covers: what was asked for, or the same at another time.
    pub bytes: SignBytes,
    /// It was verified.
    pub signature: Signature,
}

/// Why there is none.
#[derive(Debug)]
pub enum NotJoint {
    /// This host's gate refuses.
    Refused(Refusal),
    /// Too few members gave a share; who did not, and why.
    TooFew(String),
}
