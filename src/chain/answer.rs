//! What a chain answers: a reply, what to tell about it, and what it releases.

use crate::consensus::{Height, Hrs};
use crate::events::{Event, RequestKind};
use crate::gate::refusal::Refusal;
use crate::os::clock::{Clock, Moment};
use crate::reason::ReasonKind;
use crate::reply::{RemoteError, Reply};
use crate::request::{Asked, Request};

/// Who asks, and what holds for all that it asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker<'a> {
    /// The node's address, as it is configured.
    pub node: &'a str,
    /// Heights above are refused.
    pub max_height: Option<Height>,
}

/// What answers the requests of nodes.
pub trait Respond {
    /// Answers one request that arrived at `arrival`. Every request has an answer (W9).
    fn answer(
        &self,
        request: Request,
        arrival: &Moment,
        asker: &Asker<'_>,
        clock: &dyn Clock,
    ) -> Answer;
}

/// A reply, and what to tell about it once it has left.
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// What happened.
    pub event: Event,
    /// What the reply releases.
    pub releases: Releases,
}

/// What leaves with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Releases {
    /// No signature.
    Nothing,
    /// The signature of this position.
    Position(Hrs),
    /// A signature of raw bytes.
    Raw,
}

impl Releases {
    /// `None` where no signature leaves; then the position, where it has one.
    pub fn position(self) -> Option<Option<Hrs>> {
        match self {
            Self::Nothing => None,
            Self::Position(hrs) => Some(Some(hrs)),
            Self::Raw => Some(None),
        }
    }
}

pub(super) fn told(reply: Reply, event: Event) -> Answer {
    Answer {
        reply,
        event,
        releases: Releases::Nothing,
    }
}

pub(super) fn refused(asked: Asked, kind: RequestKind, refusal: &Refusal) -> Answer {
    told(
        Reply::Refused {
            asked,
            error: remote(refusal),
        },
        refused_event(kind, refusal),
    )
}

pub(super) fn remote(refusal: &Refusal) -> RemoteError {
    error_of(refusal.reason.kind(), refusal.to_string())
}

/// The error that a node is told. Each reason that is answered has a code; 0 is what a node takes for none.
pub(super) fn error_of(reason: ReasonKind, description: String) -> RemoteError {
    RemoteError {
        code: reason.wire_code().unwrap_or_default(),
        description,
    }
}

pub(super) fn refused_event(kind: RequestKind, refusal: &Refusal) -> Event {
    Event::Refused {
        kind,
        hrs: refusal.asked,
        reason: refusal.reason.kind(),
        message: refusal.to_string(),
    }
}
