//! What a guard is told, and what it wants done.

use std::time::Duration;

use crate::consensus::Height;

/// What is known at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuardFacts {
    /// How long the chain has been armed.
    pub armed: Duration,
    /// The height of the watermark.
    pub watermark: Option<Height>,
    /// Where the watermark was when the chain was armed.
    pub begun: Option<Height>,
    /// The first height that was signed here since.
    pub first: Option<Height>,
    /// The latest height at which our key signed, as most endpoints have shown. It was asked for before the watermark was: a vote of our own
    /// is in that before it can be in a commit.
    pub signed: Option<Height>,
    /// The latest height at which our key signed below that one (without one, at all), as most endpoints have shown: none of these
    /// votes was made here since the chain was armed.
    pub before: Option<Height>,
    /// Whether each endpoint has answered once, or failed: before, the quickest would speak for all.
    pub all_spoke: bool,
    /// The newest block, as most endpoints say; `None` where none answers.
    pub tip: Option<i64>,
    /// Up to which height most of them were asked for our votes.
    pub examined: Option<i64>,
    /// The latest height at which our key signed, as any of them has shown: our key's signature proves it.
    pub sighted: Option<Height>,
    /// The latest height at which any of them has shown a vote of our key that is not the one that was made here.
    pub foreign: Option<Height>,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardAct {
    /// Up to here nothing is signed.
    Floor {
        /// The floor.
        height: Height,
    },
    /// The chain has votes of ours above the watermark, made before it was heard.
    Behind {
        /// The last of them.
        signed: Height,
    },
    /// The chain has votes of ours above the watermark of the start, below what was signed since: it is too late to refuse anything.
    BehindAndSigned {
        /// Where the watermark was.
        begun: Option<Height>,
        /// The last of those votes.
        signed: Height,
        /// The first height that was signed here.
        first: Height,
    },
    /// No answer came in time: told, and nothing waits for it.
    Unanswered,
    /// Signing begins, or goes on, because the chain was heard.
    Open,
    /// Signing begins although no answer came for a minute.
    OpenUnheard,
    /// Signing begins although the chain made no block for a minute.
    OpenStill,
    /// So many new blocks are still watched before anything is signed.
    Watching(u32),
    /// Our key signed above the watermark in a block that was made since this signer was armed.
    Second {
        /// There.
        height: Height,
        /// Whether the chain is to be paused.
        pause: bool,
    },
}
