//! What members ask each other, as the one that asks and the one that answers see it; how it travels is the links' matter.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::consensus::{ChainId, Hrs, Signature, Timestamp};

use super::frost::{Commitments, FrostError, Joint, SignatureShare};
use super::nonces::{NonceId, ShownTo};

/// A nonce of another member, as much of it as that member shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownNonce {
    /// Which one.
    pub nonce: NonceId,
    /// What is shown of it.
    pub commitments: Commitments,
}

/// The question for a share of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedShare {
    /// Of which chain. The bytes name it, too, and the member reads them itself.
    pub chain_id: ChainId,
    /// What is to be signed.
    pub bytes: Vec<u8>,
    /// With which nonce of the member that is asked.
    pub nonce: NonceId,
    /// Those of all members that sign together, the one that is asked included. As they come they are not looked at yet.
    pub commitments: BTreeMap<u16, Commitments>,
    /// What bytes and commitments come to. It does not travel.
    pub joint: JointOnce,
}

/// What members sign together, worked out once, on whichever thread has time for it first. It says nothing that a question does not
/// say, so it is not compared; and a copy of a question may become another one, so it has none.
#[derive(Default)]
pub struct JointOnce(OnceLock<Result<Box<Joint>, FrostError>>);

impl JointOnce {
    /// What was worked out, or is now. Whoever else needs it meanwhile waits.
    ///
    /// # Errors
    /// What `work` said when it was done.
    pub fn get(
        &self,
        work: impl FnOnce() -> Result<Joint, FrostError>,
    ) -> Result<&Joint, FrostError> {
        let once = self.0.get_or_init(|| work().map(Box::new));
        once.as_deref().map_err(Clone::clone)
    }
}

impl Clone for JointOnce {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for JointOnce {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for JointOnce {}

impl fmt::Debug for JointOnce {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("JointOnce")
    }
}

/// What a member answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServedAnswer {
    /// Its share.
    Share(SignatureShare),
    /// It is locked on these bytes, which differ in nothing but their time.
    Locked(Vec<u8>),
    /// It knows the whole signature.
    Signed {
        /// That signature.
        signature: Signature,
        /// The timestamp that it covers.
        timestamp: Timestamp,
    },
    /// The nonce does not wait there. Nothing has moved.
    NoNonce,
    /// It refuses, and why.
    Refused(String),
    /// It cannot yet, and why: its chain is not armed, or its disk failed a moment ago. It may be asked again.
    NotYet(String),
    /// It has too many questions in hand. Nothing has moved.
    Busy,
}

/// What came of a question. Whatever a member sends is kept within bounds and is not trusted by that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAnswer {
    /// Its share; whether it is right is seen when it is put together with the others.
    Share(SignatureShare),
    /// It says that it is locked on these bytes.
    Locked(Vec<u8>),
    /// It says that this is the whole signature.
    Signed {
        /// That signature.
        signature: Signature,
        /// The timestamp that it is said to cover.
        timestamp: Timestamp,
    },
    /// The nonce is gone there.
    NoNonce,
    /// It refuses, and why: one line that a terminal can be shown, cut to some hundred bytes.
    Refused(String),
    /// It cannot yet, and why, in such a line.
    NotYet(String),
    /// It has too many questions in hand.
    Busy,
    /// There is no link to it, or the link ended before an answer came. Whether it has made a share is not known.
    Lost,
}

/// An answer, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The number that the question was asked with.
    pub attempt: u32,
    /// Who was asked.
    pub member: u16,
    /// What came of it.
    pub answer: PeerAnswer,
    /// What the question took until then.
    pub took: Duration,
}

/// The other members, as whoever puts a signature together reaches them.
pub trait Peers: Send + Sync {
    /// Those with a link that is up and a nonce at hand, by id, in rising order.
    fn reachable(&self) -> Vec<u16>;

    /// Takes the youngest nonce that this member has shown. `None` where there is none that is young enough.
    fn take_shown(&self, member: u16) -> Option<ShownNonce>;

    /// Takes one in again with which the member was not asked: only a question brings a fresh one at once, so without this those at
    /// hand would run out where others are quicker. It may be forgotten.
    fn give_back(&self, member: u16, nonce: NonceId) {
        let _ = (member, nonce);
    }

    /// Sends the question. The answer comes to `to`, once, also where it is lost: at once where there is no link, otherwise when
    /// the link ends. Waits for the network no longer than a full send buffer allows, which is bounded.
    fn ask(&self, member: u16, attempt: u32, asked: AskedShare, to: &Sender<Answered>);

    /// Tells all members with a link of a signature that was made, so that those that had no part in it do not fall behind. Leaves
    /// that to the links' threads and does not wait; who cannot be told now hears of the next one. Of several that wait for one link
    /// the latest few are enough.
    fn tell(&self, made: &MadeSignature);
}

/// A signature of the whole key, as members tell each other. Whoever hears of it verifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeSignature {
    /// Of which chain.
    pub chain_id: ChainId,
    /// What it covers.
    pub bytes: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

/// Where a member's gate stands in a chain, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStanding {
    /// The chain.
    pub chain_id: ChainId,
    /// Its watermark when the chain was armed first in this life of its process; `None` before that, and before the first message.
    pub began: Option<Hrs>,
    /// Its watermark; `None` before the first message.
    pub at: Option<Hrs>,
    /// The last signature that is known, there or before. Whoever hears of it verifies it.
    pub made: Option<MadeSignature>,
    /// Why it gives no share at all, if so: one line that a terminal can be shown, cut to some hundred bytes.
    pub refuses: Option<String>,
}

/// Answers what another member asks of this one.
pub trait Serve: Send + Sync {
    /// The answer. May take as long as a durable write does; the next question of the same member waits for it.
    fn serve(&self, from: ShownTo, asked: &AskedShare) -> ServedAnswer;

    /// Does what can be done for the answer while the gate is asked: it is called on another thread than the answer, at the same time.
    ///
    /// # Errors
    /// [`FrostError::Bytes`]: commitments are none, which no member of this program sends.
    fn prepare(&self, from: ShownTo, asked: &AskedShare) -> Result<(), FrostError> {
        let _ = (from, asked);
        Ok(())
    }

    /// A fresh nonce, kept for this member in this life of its process, and what is shown of it. `None` where none is given.
    fn show(&self, to: ShownTo) -> Option<ShownNonce>;

    /// Takes in what another member tells. May take as long as a durable write does; the next question of the same member waits for
    /// it. Nothing is answered.
    fn learn(&self, told: MadeSignature);

    /// Where this member stands, in each of its chains.
    fn standings(&self) -> Vec<MemberStanding>;
}
