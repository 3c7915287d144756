//! What can be seen of the links.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::backends::cosign::ask::{PeerAnswer, ServedAnswer};
use crate::consensus::{ChainId, Hrs};

use super::wire::MOST_CHAINS;

/// One member, as its link shows it now.
#[derive(Clone, Debug)]
pub struct PeerSample {
    /// Its id.
    pub id: u16,
    /// Where it is: `HOST:PORT`.
    pub address: String,
    /// Whether this member dials it; otherwise it dials this one.
    pub is_dialled: bool,
    /// Whether the link is up.
    pub up: bool,
    /// Why it is not, where it was tried.
    pub why_down: Option<String>,
    /// Since when it is up or down.
    pub since: Instant,
    /// Of the last ping.
    pub round_trip: Option<Duration>,
    /// So many of its nonces are at hand.
    pub nonces_held: usize,
    /// The random number of its process.
    pub boot: Option<u64>,
    /// Another process with its identity was turned away within the last half minute.
    pub runs_twice: bool,
    /// It came back with an older state than it had.
    pub rolled_back: bool,
    /// Its chains, and why it gives no share of one at all, if so, as it said last over this link.
    pub says: Option<BTreeMap<ChainId, Option<String>>>,
    /// Where it says that its watermarks are.
    pub stands: BTreeMap<ChainId, Hrs>,
    /// What became of the questions that it was asked.
    pub asked: AnswerCounts,
    /// What became of the questions that it asked.
    pub served: AnswerCounts,
}

impl PeerSample {
    /// Why it gives no share of this chain at all, as far as it has said.
    pub fn refuses(&self, chain: &ChainId) -> Option<String> {
        let says = self.says.as_ref()?;
        match says.get(chain) {
            Some(why) => why.clone(),
            // Where it has so many, not all are said.
            None if says.len() >= MOST_CHAINS => None,
            None => Some("it does not sign for this chain".to_owned()),
        }
    }
}

/// The listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoorSample {
    /// Where it listens; `None` while it does not, and for the member with the highest id, whom nobody dials.
    pub bound: Option<SocketAddr>,
    /// Why it does not listen, though it should.
    pub why_not: Option<String>,
    /// So many proved to be nobody who may come in, or did not finish the handshake.
    pub strangers: u64,
    /// So many were turned away before that, because others were being looked at.
    pub crowded: u64,
}

/// Questions, and their answers by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnswerCounts {
    /// All questions.
    pub questions: u64,
    /// Answered with a share.
    pub shares: u64,
    /// With other bytes that the member is locked on.
    pub locked: u64,
    /// With the whole signature.
    pub signed: u64,
    /// The nonce was gone.
    pub no_nonce: u64,
    /// Refused.
    pub refused: u64,
    /// Too many questions in hand, or not yet.
    pub busy: u64,
    /// The link ended before the answer.
    pub lost: u64,
}

impl AnswerCounts {
    /// One more that was answered in this way.
    pub(super) fn count(&mut self, answer: &PeerAnswer) {
        let counter = match answer {
            PeerAnswer::Share(_) => &mut self.shares,
            PeerAnswer::Locked(_) => &mut self.locked,
            PeerAnswer::Signed { .. } => &mut self.signed,
            PeerAnswer::NoNonce => &mut self.no_nonce,
            PeerAnswer::Refused(_) => &mut self.refused,
            PeerAnswer::Busy | PeerAnswer::NotYet(_) => &mut self.busy,
            PeerAnswer::Lost => &mut self.lost,
        };
        *counter += 1;
    }

    /// One more that this member answered in this way.
    pub(super) fn count_served(&mut self, answer: &ServedAnswer) {
        let counter = match answer {
            ServedAnswer::Share(_) => &mut self.shares,
            ServedAnswer::Locked(_) => &mut self.locked,
            ServedAnswer::Signed { .. } => &mut self.signed,
            ServedAnswer::NoNonce => &mut self.no_nonce,
            ServedAnswer::Refused(_) => &mut self.refused,
            ServedAnswer::Busy | ServedAnswer::NotYet(_) => &mut self.busy,
        };
        *counter += 1;
    }
}

/// What a member sent, as whoever asked sees it.
impl From<ServedAnswer> for PeerAnswer {
    fn from(answer: ServedAnswer) -> Self {
        match answer {
            ServedAnswer::Share(share) => Self::Share(share),
            ServedAnswer::Locked(bytes) => Self::Locked(bytes),
            ServedAnswer::Signed {
                signature,
                timestamp,
            } => Self::Signed {
                signature,
                timestamp,
            },
            ServedAnswer::NoNonce => Self::NoNonce,
            ServedAnswer::Refused(why) => Self::Refused(why),
            ServedAnswer::NotYet(why) => Self::NotYet(why),
            ServedAnswer::Busy => Self::Busy,
        }
    }
}
