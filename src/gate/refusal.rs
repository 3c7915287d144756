//! A refusal is a value, not an error: what was asked, what was signed last, and a stable reason.

use std::fmt;

use crate::consensus::{BlockId, ChainId, Height, Hrs};
use crate::reason::ReasonKind;
use crate::remedy::CommandLine;
use crate::request::InvalidInput;

use super::nodes::OtherNode;
use super::pause::{ActivePause, Pause};
use super::raw::RawRefused;
use super::watermark::Why;
use super::word::floor::FloorHeight;
use super::word::hold::Wait;

/// No signature, and why. Displayed as the sentence that both the operator's log and the node's show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The position asked for, where the request was valid enough to have one.
    pub asked: Option<Hrs>,
    /// The block asked for.
    pub block: Option<BlockId>,
    /// The watermark, where that is known.
    pub last: Option<Hrs>,
    /// Why.
    pub reason: Reason,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The request is outside of what consensus knows (W10).
    Invalid(InvalidInput),
    /// The request names another chain than the one configured.
    WrongChain {
        /// The chain that the node named.
        asked: ChainId,
        /// The chain that this link is configured for.
        configured: ChainId,
    },
    /// The watermark's rule says no.
    Watermark(Why),
    /// The height is further ahead than the token bucket allows (W11).
    TooFarAhead {
        /// How many heights it is ahead.
        ahead: u64,
        /// How many heights would be allowed now.
        allowed: u64,
        /// What allows it if the node is right; `None` where no chain can be so high.
        remedy: Option<CommandLine>,
    },
    /// Half of the state file was unreadable at the start; what it may have said is refused.
    DamagedState {
        /// Everything up to here is refused.
        floor: Height,
    },
    /// The watermark could not be made durable (W8).
    NotDurable(String),
    /// The chain is not armed (W7).
    NotArmed(String),
    /// The chain was handed over to another host (W21).
    MovedOut(String),
    /// Other requests held the chain's section until the deadline (W4). The watermark did not move.
    Busy,
    /// The height is above the validator's `max_height`.
    AboveMaxHeight(Height),
    /// The operator has paused the chain (W22).
    Paused {
        /// What the operator said.
        pause: Pause,
        /// What ends it.
        resume: CommandLine,
    },
    /// The chain is served to one node at a time, now to another.
    OtherNode(OtherNode),
    /// The chain has left this height and all below behind.
    BelowFloor(FloorHeight),
    /// The chain's word is waited for before anything is signed.
    AwaitsChain(Wait),
    /// Raw bytes are signed for nobody who was not allowed to ask.
    RawBytes(RawRefused),
}

impl Reason {
    /// The operator has paused the chain.
    pub fn paused(active: &ActivePause) -> Self {
        Self::Paused {
            pause: active.pause.clone(),
            resume: active.resume.clone(),
        }
    }

    /// The reason without its details: label, wire code and documentation are in [`ReasonKind`].
    pub fn kind(&self) -> ReasonKind {
        match self {
            Reason::Invalid(_) => ReasonKind::Invalid,
            Reason::WrongChain { .. } => ReasonKind::WrongChain,
            Reason::Watermark(Why::Conflict) => ReasonKind::Conflict,
            Reason::Watermark(Why::UsedUp) => ReasonKind::UsedUp,
            Reason::Watermark(Why::Height | Why::Round | Why::Step) => ReasonKind::Regression,
            Reason::TooFarAhead { .. } => ReasonKind::TooFarAhead,
            Reason::DamagedState { .. } => ReasonKind::DamagedState,
            Reason::NotDurable(_) => ReasonKind::NotDurable,
            Reason::NotArmed(_) => ReasonKind::NotArmed,
            Reason::MovedOut(_) => ReasonKind::MovedOut,
            Reason::Busy => ReasonKind::Busy,
            Reason::AboveMaxHeight(_) => ReasonKind::AboveMaxHeight,
            Reason::Paused { .. } => ReasonKind::Paused,
            Reason::BelowFloor(_) => ReasonKind::BelowFloor,
            Reason::AwaitsChain(_) => ReasonKind::AwaitsChain,
            Reason::OtherNode(_) => ReasonKind::OtherNode,
            Reason::RawBytes(_) => ReasonKind::RawBytes,
        }
    }
}

impl Refusal {
    /// A refusal of something that has no position.
    pub fn of(reason: Reason) -> Self {
        Self {
            asked: None,
            block: None,
            last: None,
            reason,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(asked) = &self.asked {
            write!(f, "{asked} not signed: ")?;
        } else {
            f.write_str("not signed: ")?;
        }
        let last = Shown(self.last);
        match &self.reason {
            Reason::Invalid(problem) => write!(f, "{problem}"),
            Reason::WrongChain { asked, configured } => write!(
                f,
                "the node asked for chain {asked:?}, but this link is configured for chain `{configured}`; \
                 correct `chain_id` of this [[validator]] and reload tmkms, or point the node elsewhere"
            ),
            Reason::Watermark(Why::Height) => write!(f, "height regression, the last was {last}"),
            Reason::Watermark(Why::Round) => write!(f, "round regression, the last was {last}"),
            Reason::Watermark(Why::Step) => write!(f, "step regression, the last was {last}"),
            Reason::Watermark(Why::UsedUp) => write!(
                f,
                "the watermark is at {last} and what was signed there is unknown, so nothing is signed up to there; the next \
                 message above it is"
            ),
            Reason::Watermark(Why::Conflict) => write!(
                f,
                "conflict, other data was signed at this position; signing this would be a double sign"
            ),
            Reason::TooFarAhead {
                ahead,
                allowed,
                remedy,
            } => {
                write!(
                    f,
                    "too far ahead, {ahead} heights above the last ({last}) where {allowed} are allowed now; "
                )?;
                match remedy {
                    Some(raise) => write!(
                        f,
                        "if the node is right, restart tmkms after an absence, or stop it, run `{raise}` and start it"
                    ),
                    None => f.write_str(
                        "the chain cannot be there: the node is wrong, or somebody else asks in its place",
                    ),
                }
            }
            Reason::DamagedState { floor } => write!(
                f,
                "half of the state file was unreadable at the start, so heights up to {floor} are not signed again; \
                 signing goes on at height {}",
                floor.get().saturating_add(1)
            ),
            Reason::NotDurable(why) => write!(f, "the watermark is not on disk: {why}"),
            Reason::NotArmed(why) => write!(f, "the chain is not armed: {why}"),
            Reason::MovedOut(why) => f.write_str(why),
            Reason::Busy => f.write_str(
                "the chain was busy with earlier requests until the deadline; the watermark did not move, so the node may ask again",
            ),
            Reason::AboveMaxHeight(max) => write!(f, "the height is above this validator's max_height of {max}"),
            Reason::Paused { pause, resume } => write!(
                f,
                "the chain is paused {pause}; `{resume}` ends that"
            ),
            Reason::BelowFloor(floor) => floor.fmt(f),
            Reason::AwaitsChain(wait) => wait.fmt(f),
            Reason::OtherNode(other) => other.fmt(f),
            Reason::RawBytes(why) => write!(f, "raw bytes are not signed: {why}"),
        }
    }
}

struct Shown(Option<Hrs>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(hrs) => hrs.fmt(f),
            None => f.write_str("nothing"),
        }
    }
}
