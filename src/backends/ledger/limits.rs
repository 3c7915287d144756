//! What the app cannot sign, known before the device and the watermark are touched.
//!
//! The app takes the length in front of a message for one byte, so a message has at most 127 bytes; it keeps the round
//! in a signed byte; it knows votes and proposals only. Whether a message fits depends on the length of the chain id,
//! so the numbers are computed with the encoder that also makes the messages.

use std::fmt;

use crate::consensus::{
    BlockId, ChainId, Height, PartSetHeader, Prevote, Proposal, Round, SignBytes, Timestamp,
};
use crate::gate::Prepared;

/// The longest message in bytes, without the length in front of it.
pub const LONGEST_BODY: usize = 127;
/// The highest round.
pub const HIGHEST_ROUND: i32 = 127;

/// Why the app cannot sign a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Too long.
    #[error(
        "this {what} has {body} bytes, and the Ledger's app signs messages of {LONGEST_BODY} bytes at most; the chain id \
         is too long for it; the watermark did not move"
    )]
    Length {
        /// A word for the message.
        what: &'static str,
        /// Its length in bytes, without the length in front of it.
        body: usize,
    },
    /// The round is too high.
    #[error(
        "round {0} is above {HIGHEST_ROUND}, the highest that the Ledger's app knows; the watermark did not move"
    )]
    Round(i32),
    /// There is a vote extension to sign.
    #[error(
        "the Ledger's app cannot sign vote extensions, and this node wants one signed; a chain that has them needs another \
         kind of key; the watermark did not move"
    )]
    Extension,
    /// Neither a vote nor a proposal.
    #[error("the Ledger's app signs votes and proposals only")]
    Kind,
}

/// Whether the app can sign a request together with the extension that goes with it.
pub fn fits(prepared: &Prepared) -> Result<(), Limit> {
    if prepared.extension().is_some() {
        return Err(Limit::Extension);
    }
    let hrs = prepared.position().hrs;
    if hrs.round.get() > HIGHEST_ROUND {
        return Err(Limit::Round(hrs.round.get()));
    }
    let what = match hrs.step {
        crate::consensus::Step::Propose => "proposal",
        crate::consensus::Step::Prevote => "prevote",
        crate::consensus::Step::Precommit => "precommit",
    };
    match body(prepared.bytes()) {
        body if body > LONGEST_BODY => Err(Limit::Length { what, body }),
        _ => Ok(()),
    }
}

/// The length of a message without the length in front of it.
pub fn body(bytes: &SignBytes) -> usize {
    let bytes = bytes.as_slice();
    let prefix = bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    bytes.len().saturating_sub(prefix)
}

/// The messages whose length differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A vote for nil.
    NilVote {
        /// At round 1 or above.
        later: bool,
    },
    /// A vote for a block.
    Vote {
        /// At round 1 or above.
        later: bool,
    },
    /// A proposal at round 0.
    Proposal,
    /// A proposal at round 1 or above of a new block.
    LaterProposal,
    /// A proposal of a block that had its majority of prevotes in an earlier round.
    Again {
        /// That round was 0.
        first: bool,
    },
}

impl MessageKind {
    /// All of them, from the shortest message to the longest.
    pub const ALL: [MessageKind; 8] = [
        MessageKind::NilVote { later: false },
        MessageKind::NilVote { later: true },
        MessageKind::Vote { later: false },
        MessageKind::Vote { later: true },
        MessageKind::Again { first: true },
        MessageKind::Again { first: false },
        MessageKind::Proposal,
        MessageKind::LaterProposal,
    ];

    /// The length of such a message for a chain, in bytes: with a block of so many parts, at so many nanoseconds.
    pub fn body(self, chain_id: &ChainId, parts: u32, nanos: i32) -> usize {
        let round = |later| Round::new(i32::from(later)).unwrap_or(Round::FIRST);
        let block = BlockId {
            hash: [1; 32],
            parts: PartSetHeader {
                total: parts,
                hash: [1; 32],
            },
        };
        let timestamp = Timestamp {
            seconds: 1_800_000_000,
            nanos,
        };
        let height = Height::FIRST;
        let vote = |later, block| Prevote {
            height,
            round: round(later),
            block,
            timestamp,
        };
        let proposal = |later, pol_round| Proposal {
            height,
            round: round(later),
            pol_round,
            block,
            timestamp,
        };
        body(&match self {
            Self::NilVote { later } => SignBytes::prevote(chain_id, &vote(later, None)),
            Self::Vote { later } => SignBytes::prevote(chain_id, &vote(later, Some(block))),
            Self::Proposal => SignBytes::proposal(chain_id, &proposal(false, None)),
            Self::LaterProposal => SignBytes::proposal(chain_id, &proposal(true, None)),
            Self::Again { first } => {
                SignBytes::proposal(chain_id, &proposal(true, Some(round(!first))))
            }
        })
    }

    /// The longest such message with a block of fewer than 128 parts, in bytes.
    pub fn worst(self, chain_id: &ChainId) -> usize {
        self.body(chain_id, 1, 999_999_999)
    }

    /// Whether such messages are signed.
    pub fn fit(self, chain_id: &ChainId) -> Fit {
        let signed = |parts, nanos| self.body(chain_id, parts, nanos) <= LONGEST_BODY;
        match () {
            () if signed(128, 999_999_999) => Fit::Always,
            () if signed(1, 999_999_999) => Fit::SmallBlocks,
            () if signed(1, 1) => Fit::Sometimes,
            () => Fit::Never,
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NilVote { later: false } => "nil votes of round 0",
            Self::NilVote { later: true } => "nil votes of round 1 to 127",
            Self::Vote { later: false } => "votes of round 0",
            Self::Vote { later: true } => "votes of round 1 to 127",
            Self::Proposal => "proposals of round 0",
            Self::LaterProposal => "proposals of a new block at round 1 to 127",
            Self::Again { first: true } => "proposals of the block that round 0 prevoted",
            Self::Again { first: false } => "proposals of a block that a later round prevoted",
        })
    }
}

/// Whether a kind of message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Whatever the block and the time.
    Always,
    /// For blocks of fewer than 128 parts (8 MB); for others only when the time's fraction is short.
    SmallBlocks,
    /// Only when the fraction of a second in the time is below 0.27.
    Sometimes,
    /// Never.
    Never,
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Always => "signed",
            Self::SmallBlocks => "signed; with blocks of 128 parts (8 MB) or more most are refused",
            Self::Sometimes => "most are REFUSED",
            Self::Never => "REFUSED",
        })
    }
}

/// What this chain will miss, in one sentence; nothing where all messages fit.
pub fn warning(chain_id: &ChainId) -> Option<String> {
    let missing: Vec<String> = MessageKind::ALL
        .into_iter()
        .filter_map(|kind| match kind.fit(chain_id) {
            Fit::Always => None,
            Fit::SmallBlocks => Some(format!(
                "{kind} with a block of 128 parts (8 MB) or more ({} bytes)",
                kind.body(chain_id, 128, 999_999_999)
            )),
            Fit::Sometimes | Fit::Never => Some(format!("{kind} ({} bytes)", kind.worst(chain_id))),
        })
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "the Ledger's app signs messages of {LONGEST_BODY} bytes at most; with this chain id of {} bytes it refuses {}",
            chain_id.as_str().len(),
            missing.join(", ")
        )
    })
}

/// Whether not even the votes of round 0 are signed.
pub fn is_hopeless(chain_id: &ChainId) -> bool {
    let votes = MessageKind::Vote { later: false };
    votes.fit(chain_id) > Fit::SmallBlocks
}
