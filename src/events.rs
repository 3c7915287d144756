//! What happens in the flow: plain values, and the trait of those who listen.
//!
//! A [`Sink`] is made per link, with all that it needs resolved, so that telling takes no lock that chains share.

use std::time::Duration;

use crate::consensus::{BlockId, Hrs, Step, Timestamp};
use crate::reason::ReasonKind;

/// What a node asked for, as logs and metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A proposal.
    Proposal,
    /// A prevote.
    Prevote,
    /// A precommit, with or without its extension.
    Precommit,
    /// A vote that was too invalid to have a step.
    Vote,
    /// Raw bytes.
    Raw,
    /// The public key.
    PublicKey,
}

impl RequestKind {
    /// All of them, in the order of [`RequestKind::index`].
    pub const ALL: [RequestKind; 6] = [
        RequestKind::Proposal,
        RequestKind::Prevote,
        RequestKind::Precommit,
        RequestKind::Vote,
        RequestKind::Raw,
        RequestKind::PublicKey,
    ];

    /// The kind of a consensus message.
    pub fn of(step: Step) -> Self {
        match step {
            Step::Propose => Self::Proposal,
            Step::Prevote => Self::Prevote,
            Step::Precommit => Self::Precommit,
        }
    }

    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proposal => "proposal",
            Self::Prevote => "prevote",
            Self::Precommit => "precommit",
            Self::Vote => "vote",
            Self::Raw => "raw",
            Self::PublicKey => "public_key",
        }
    }

    /// Its place in [`RequestKind::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Where the time of one signature went. Stages that a request did not go through are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// From the last byte of the request until it was its turn.
    pub wait: Duration,
    /// The gate's judgement.
    pub gate: Duration,
    /// The durable write.
    pub persist: Option<Duration>,
    /// The key or device, for the message and its extension.
    pub device: Option<Duration>,
    /// From the signature until the reply had left. The session fills it in.
    pub reply: Duration,
}

/// When a vote was made and when it came, by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoteTime {
    /// What the node wrote into it; a stranger's.
    pub written: Timestamp,
    /// When it came, by this host's wall clock: time since 1970.
    pub came: Duration,
}

/// One thing that happened on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The link is up.
    LinkUp {
        /// Who listens, where the link can tell.
        peer: Option<String>,
        /// How long the connect and the handshake took.
        took: Duration,
        /// One round trip to the node, where the link can tell.
        round_trip: Option<Duration>,
    },
    /// The link could not be made, or ended.
    LinkDown {
        /// A stable word.
        code: &'static str,
        /// What happened and what to do.
        message: String,
        /// Whether the link had been up.
        was_up: bool,
    },
    /// A signature left.
    Signed {
        /// The position.
        hrs: Hrs,
        /// The block; `None` is a nil vote.
        block: Option<BlockId>,
        /// When the node made it, of a vote; what is given again has the time of the earlier one.
        made: Option<VoteTime>,
        /// Whether it is the earlier signature of the same message.
        replayed: bool,
        /// From the last byte of the request to the reply.
        took: Duration,
        /// Where the time went.
        spent: Spent,
    },
    /// A request was refused in-band.
    Refused {
        /// What was asked for.
        kind: RequestKind,
        /// The position asked for, where the request was valid enough to have one.
        hrs: Option<Hrs>,
        /// Why, without the details.
        reason: ReasonKind,
        /// What was asked, what was last, why, and what to do.
        message: String,
    },
    /// The key or device gave no signature.
    SignerFailed {
        /// What was asked for.
        kind: RequestKind,
        /// The position asked for; `None` for raw bytes.
        hrs: Option<Hrs>,
        /// What happened and what to do.
        message: String,
    },
    /// A signature was ready too late and did not leave (W16).
    Late {
        /// The position; `None` for raw bytes.
        hrs: Option<Hrs>,
        /// How long it took.
        took: Duration,
    },
    /// A signature of raw bytes left.
    RawSigned {
        /// How many bytes were signed for, as the node sent them.
        bytes: usize,
        /// From the last byte of the request to the reply.
        took: Duration,
    },
    /// The node asked for the public key.
    PublicKeyAsked,
    /// The node pinged.
    Pinged,
}

/// Takes events.
pub trait Sink: Send + Sync {
    /// Called after the reply has left, on the link's thread; must not wait.
    fn emit(&self, event: &Event);
}
