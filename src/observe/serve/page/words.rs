//! What the page calls things, and the tone in which it does.

use crate::observe::stats::heights::HeightOutcome;
use crate::observe::status::{ChainStatus, Condition};

/// How urgent something is. Each has a colour and a shape, for those who do not see the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing is to be done.
    Good,
    /// Somebody should look.
    Warn,
    /// It does not sign.
    Bad,
}

impl Tone {
    /// The class of a word.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    /// The class of a frame.
    pub(super) fn frame(self) -> &'static str {
        match self {
            Self::Good => "is-good",
            Self::Warn => "is-warn",
            Self::Bad => "is-bad",
        }
    }
}

/// The tone of a chain.
pub(super) fn tone_of(chain: &ChainStatus) -> Tone {
    match chain.condition {
        Condition::Ready => Tone::Good,
        Condition::Attention => Tone::Warn,
        Condition::NotReady => Tone::Bad,
    }
}

/// The class of a height that went to a round above 0, beside that of its outcome.
pub(super) const AGAIN: &str = "again";

/// The condition of a chain in words.
pub(super) fn condition_name(chain: &ChainStatus) -> &'static str {
    match (chain.condition, chain.armed) {
        (Condition::Ready, _) => "ready",
        (Condition::Attention, _) if chain.paused_now().is_some() => "paused",
        (Condition::Attention, _) => "ready, look at it",
        (_, true) => "not ready",
        (_, false) => "not armed",
    }
}

/// What became of a height, in words.
pub(super) fn outcome_name(outcome: HeightOutcome) -> &'static str {
    match outcome {
        HeightOutcome::Unknown => "not known",
        HeightOutcome::Uncommitted => "signed, not in the commit",
        HeightOutcome::Nil => "nil vote",
        HeightOutcome::Conflict => "double sign refused",
        HeightOutcome::Signed
        | HeightOutcome::Replayed
        | HeightOutcome::Refused
        | HeightOutcome::Missed => outcome.word(),
    }
}
