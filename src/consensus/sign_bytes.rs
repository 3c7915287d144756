//! The exact bytes that a signature covers, and what can be read back out of them.
//!
//! Owns W5: height, round, step and chain id are taken from the very bytes that are signed. [`SignBytes`] are
//! built from typed values only; [`Position::read`] decodes them strictly (decode, encode again, compare), so
//! two equal positions with equal timestamps are two equal byte strings.
//!
//! Format: the varint-length-delimited canonical message (`types/vote.go`, `types/proposal.go` of CometBFT).

use prost::Message;

use super::block_id::BlockId;
use super::canonical;
use super::chain_id::ChainId;
use super::hrs::{Height, Hrs, Round, Step};
use super::proposal::Proposal;
use super::timestamp::Timestamp;
use super::vote::{Precommit, Prevote};

const PREVOTE: i32 = 1;
const PRECOMMIT: i32 = 2;
const PROPOSAL: i32 = 32;

/// Canonical bytes of one vote, proposal or vote extension, or raw bytes that are none of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignBytes(Vec<u8>);

/// What canonical bytes of a vote or proposal say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The chain that they are valid on.
    pub chain_id: ChainId,
    /// Height, round and step.
    pub hrs: Hrs,
    /// The block voted for or proposed; `None` is a nil vote.
    pub block: Option<BlockId>,
    /// The round of a proposal's earlier majority; `None` for votes and for −1.
    pub pol_round: Option<Round>,
    /// The node's time.
    pub timestamp: Timestamp,
}

/// What canonical bytes of a vote extension say, besides their data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionPosition {
    /// The chain that they are valid on.
    pub chain_id: ChainId,
    /// The height of their precommit.
    pub height: Height,
    /// The round of their precommit.
    pub round: Round,
}

/// Why bytes are not the canonical encoding of a vote or proposal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// They are not protobuf of that shape, or not in the one canonical encoding.
    #[error("these bytes are not the canonical encoding of a vote or proposal")]
    Encoding,
    /// They are, but one of their values is outside of what consensus knows.
    #[error("the canonical message holds a {0} that consensus does not know")]
    Value(&'static str),
}

impl SignBytes {
    /// The bytes of a proposal.
    pub fn proposal(chain_id: &ChainId, proposal: &Proposal) -> Self {
        Self::encode(&canonical::Proposal {
            kind: PROPOSAL,
            height: proposal.height.get(),
            round: proposal.round.get().into(),
            pol_round: proposal.pol_round.map_or(-1, |round| round.get().into()),
            block_id: Some(block_id(&proposal.block)),
            timestamp: Some(time(proposal.timestamp)),
            chain_id: chain_id.as_str().to_owned(),
        })
    }

    /// The bytes of a prevote.
    pub fn prevote(chain_id: &ChainId, vote: &Prevote) -> Self {
        Self::vote(
            chain_id,
            PREVOTE,
            vote.height,
            vote.round,
            vote.block.as_ref(),
            vote.timestamp,
        )
    }

    /// The bytes of a precommit, without its extension.
    pub fn precommit(chain_id: &ChainId, vote: &Precommit) -> Self {
        let block = vote.block.as_ref().map(|(block, _)| block);
        Self::vote(
            chain_id,
            PRECOMMIT,
            vote.height,
            vote.round,
            block,
            vote.timestamp,
        )
    }

    /// The bytes of a vote extension. They are not a position: extensions are outside of the watermark (W12).
    pub fn extension(chain_id: &ChainId, height: Height, round: Round, data: &[u8]) -> Self {
        Self::encode(&canonical::VoteExtension {
            extension: data.to_vec(),
            height: height.get(),
            round: round.get().into(),
            chain_id: chain_id.as_str().to_owned(),
        })
    }

    /// Takes bytes that another host asks for, if they are those of a vote extension.
    ///
    /// # Errors
    /// They are not, or with values that consensus does not know.
    pub fn extension_from(bytes: Vec<u8>) -> Result<(Self, ExtensionPosition), NotCanonical> {
        let position = ExtensionPosition::read(&bytes)?;
        Ok((Self(bytes), position))
    }

    /// Bytes that are not a consensus message of any chain; `None` for those that are (W12).
    pub fn raw(bytes: Vec<u8>) -> Option<Self> {
        (!is_consensus_message(&bytes)).then_some(Self(bytes))
    }

    /// Takes bytes that a state file remembers, if they are those of a vote or proposal.
    pub fn from_record(bytes: Vec<u8>) -> Result<(Self, Position), NotCanonical> {
        let position = Position::read(&bytes)?;
        Ok((Self(bytes), position))
    }

    /// What these bytes say; an error for a vote extension.
    pub fn position(&self) -> Result<Position, NotCanonical> {
        Position::read(&self.0)
    }

    /// The same vote or proposal at another time; `None` of other bytes.
    pub fn at_time(&self, timestamp: Timestamp) -> Option<Self> {
        if let Some(vote) = strictly::<canonical::Vote>(&self.0) {
            return Some(Self::encode(&canonical::Vote {
                timestamp: Some(time(timestamp)),
                ..vote
            }));
        }
        let proposal = strictly::<canonical::Proposal>(&self.0)?;
        Some(Self::encode(&canonical::Proposal {
            timestamp: Some(time(timestamp)),
            ..proposal
        }))
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    fn vote(
        chain_id: &ChainId,
        kind: i32,
        height: Height,
        round: Round,
        block: Option<&BlockId>,
        timestamp: Timestamp,
    ) -> Self {
        Self::encode(&canonical::Vote {
            kind,
            height: height.get(),
            round: round.get().into(),
            block_id: block.map(block_id),
            timestamp: Some(time(timestamp)),
            chain_id: chain_id.as_str().to_owned(),
        })
    }

    fn encode(message: &impl Message) -> Self {
        Self(message.encode_length_delimited_to_vec())
    }
}

impl Position {
    /// Reads the canonical bytes of a vote or proposal; strict in both encoding and values.
    pub fn read(bytes: &[u8]) -> Result<Self, NotCanonical> {
        if let Some(vote) = strictly::<canonical::Vote>(bytes) {
            return Self::of_vote(vote);
        }
        match strictly::<canonical::Proposal>(bytes) {
            Some(proposal) => Self::of_proposal(proposal),
            None => Err(NotCanonical::Encoding),
        }
    }

    /// Whether the two differ in nothing, or in their timestamps only.
    pub fn same_but_for_time(&self, other: &Position) -> bool {
        self.chain_id == other.chain_id
            && self.hrs == other.hrs
            && self.block == other.block
            && self.pol_round == other.pol_round
    }

    fn of_vote(vote: canonical::Vote) -> Result<Self, NotCanonical> {
        let step = match vote.kind {
            PREVOTE => Step::Prevote,
            PRECOMMIT => Step::Precommit,
            _ => return Err(NotCanonical::Value("vote type")),
        };
        Ok(Self {
            chain_id: read_chain_id(&vote.chain_id)?,
            hrs: read_hrs(vote.height, vote.round, step)?,
            block: vote.block_id.as_ref().map(read_block_id).transpose()?,
            pol_round: None,
            timestamp: read_time(vote.timestamp)?,
        })
    }

    fn of_proposal(proposal: canonical::Proposal) -> Result<Self, NotCanonical> {
        if proposal.kind != PROPOSAL {
            return Err(NotCanonical::Value("message type"));
        }
        let block = proposal
            .block_id
            .as_ref()
            .ok_or(NotCanonical::Value("proposal without block"))?;
        Ok(Self {
            chain_id: read_chain_id(&proposal.chain_id)?,
            hrs: read_hrs(proposal.height, proposal.round, Step::Propose)?,
            block: Some(read_block_id(block)?),
            pol_round: match proposal.pol_round {
                -1 => None,
                round => Some(read_round(round)?),
            },
            timestamp: read_time(proposal.timestamp)?,
        })
    }
}

impl ExtensionPosition {
    /// Reads the canonical bytes of a vote extension; strict in both encoding and values.
    ///
    /// # Errors
    /// They are something else.
    pub fn read(bytes: &[u8]) -> Result<Self, NotCanonical> {
        let message = strictly::<canonical::VoteExtension>(bytes).ok_or(NotCanonical::Encoding)?;
        Ok(Self {
            chain_id: read_chain_id(&message.chain_id)?,
            height: Height::new(message.height).ok_or(NotCanonical::Value("height"))?,
            round: read_round(message.round)?,
        })
    }
}

/// Whether `bytes` are exactly the canonical encoding of a vote, proposal or vote extension of *any* chain,
/// whatever their values. Bytes like these must never be signed as something else (W12).
pub fn is_consensus_message(bytes: &[u8]) -> bool {
    strictly::<canonical::Vote>(bytes).is_some()
        || strictly::<canonical::Proposal>(bytes).is_some()
        || strictly::<canonical::VoteExtension>(bytes).is_some()
}

fn strictly<M: Message + Default>(bytes: &[u8]) -> Option<M> {
    let message = M::decode_length_delimited(bytes).ok()?;
    (message.encode_length_delimited_to_vec() == bytes).then_some(message)
}

fn block_id(block: &BlockId) -> canonical::BlockId {
    canonical::BlockId {
        hash: block.hash.to_vec(),
        parts: Some(canonical::PartSetHeader {
            total: block.parts.total,
            hash: block.parts.hash.to_vec(),
        }),
    }
}

fn read_block_id(block: &canonical::BlockId) -> Result<BlockId, NotCanonical> {
    let parts = block
        .parts
        .as_ref()
        .ok_or(NotCanonical::Value("block id"))?;
    BlockId::from_parts(&block.hash, parts.total, &parts.hash)
        .ok()
        .flatten()
        .ok_or(NotCanonical::Value("block id"))
}

fn time(timestamp: Timestamp) -> canonical::Time {
    canonical::Time {
        seconds: timestamp.seconds,
        nanos: timestamp.nanos,
    }
}

fn read_time(time: Option<canonical::Time>) -> Result<Timestamp, NotCanonical> {
    time.map(|time| Timestamp {
        seconds: time.seconds,
        nanos: time.nanos,
    })
    .ok_or(NotCanonical::Value("missing timestamp"))
}

fn read_chain_id(text: &str) -> Result<ChainId, NotCanonical> {
    text.parse().map_err(|_| NotCanonical::Value("chain id"))
}

fn read_round(round: i64) -> Result<Round, NotCanonical> {
    i32::try_from(round)
        .ok()
        .and_then(Round::new)
        .ok_or(NotCanonical::Value("round"))
}

fn read_hrs(height: i64, round: i64, step: Step) -> Result<Hrs, NotCanonical> {
    Ok(Hrs {
        height: Height::new(height).ok_or(NotCanonical::Value("height"))?,
        round: read_round(round)?,
        step,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Extension, PartSetHeader};

    fn chain() -> ChainId {
        "test-1".parse().unwrap()
    }

    fn block(tag: u8) -> BlockId {
        BlockId {
            hash: [tag; 32],
            parts: PartSetHeader {
                total: 1,
                hash: [tag; 32],
            },
        }
    }

    fn prevote(block: Option<BlockId>, seconds: i64) -> Prevote {
        Prevote {
            height: Height::new(7).unwrap(),
            round: Round::new(2).unwrap(),
            block,
            timestamp: Timestamp { seconds, nanos: 5 },
        }
    }

    #[test]
    fn positions_come_from_the_bytes() {
        let bytes = SignBytes::prevote(&chain(), &prevote(Some(block(1)), 9));
        let position = bytes.position().unwrap();
        assert_eq!(position.hrs.to_string(), "7/2/prevote");
        assert_eq!(position.chain_id, chain());
        assert_eq!(position.block, Some(block(1)));
        assert_eq!(
            position.timestamp,
            Timestamp {
                seconds: 9,
                nanos: 5
            }
        );

        let precommit = Precommit {
            height: Height::new(7).unwrap(),
            round: Round::new(0).unwrap(),
            block: Some((block(1), Extension::default())),
            timestamp: Timestamp::default(),
        };
        let position = SignBytes::precommit(&chain(), &precommit)
            .position()
            .unwrap();
        assert_eq!(position.hrs.step, Step::Precommit);

        let proposal = Proposal {
            height: Height::new(7).unwrap(),
            round: Round::new(1).unwrap(),
            pol_round: None,
            block: block(3),
            timestamp: Timestamp {
                seconds: -62_135_596_800,
                nanos: 0,
            },
        };
        let position = SignBytes::proposal(&chain(), &proposal).position().unwrap();
        assert_eq!(
            (position.hrs.step, position.pol_round),
            (Step::Propose, None)
        );
        assert_eq!(position.timestamp.seconds, -62_135_596_800);
    }

    #[test]
    fn only_the_time_may_differ() {
        let at = |block, seconds| {
            SignBytes::prevote(&chain(), &prevote(block, seconds))
                .position()
                .unwrap()
        };
        assert!(at(None, 1).same_but_for_time(&at(None, 2)));
        let bytes = SignBytes::prevote(&chain(), &prevote(None, 1));
        let time = Timestamp {
            seconds: 2,
            nanos: 5,
        };
        let later = SignBytes::prevote(&chain(), &prevote(None, 2));
        assert_eq!(bytes.at_time(time), Some(later));
        let extension = SignBytes::extension(&chain(), Height::FIRST, Round::FIRST, b"");
        assert_eq!(extension.at_time(time), None);
        assert!(!at(None, 1).same_but_for_time(&at(Some(block(1)), 1)));
        assert!(!at(Some(block(2)), 1).same_but_for_time(&at(Some(block(1)), 1)));
    }

    #[test]
    fn an_extension_is_no_position() {
        let bytes = SignBytes::extension(
            &chain(),
            Height::new(1).unwrap(),
            Round::new(0).unwrap(),
            b"data",
        );
        assert!(bytes.position().is_err());
        assert!(is_consensus_message(bytes.as_slice()));
        let (again, at) = SignBytes::extension_from(bytes.as_slice().to_vec()).unwrap();
        assert_eq!(
            (again, at.chain_id, at.height.get(), at.round),
            (bytes, chain(), 1, Round::FIRST)
        );
        let vote = SignBytes::prevote(&chain(), &prevote(None, 1));
        for not in [vote.as_slice(), b"", b"raw"] {
            assert!(SignBytes::extension_from(not.to_vec()).is_err());
        }
    }

    #[test]
    fn loose_encodings_are_not_canonical() {
        let bytes = SignBytes::prevote(&chain(), &prevote(None, 1))
            .as_slice()
            .to_vec();
        assert!(Position::read(&bytes).is_ok());
        let mut trailing = bytes.clone();
        trailing.push(0);
        assert!(Position::read(&trailing).is_err());
        // The same message with an explicit zero-valued field in front: valid protobuf, not canonical.
        let body = bytes.get(1..).unwrap();
        let mut padded = vec![u8::try_from(body.len() + 2).unwrap(), 0x30 | 0x08, 0x00];
        padded.extend_from_slice(body);
        assert!(Position::read(&padded).is_err());
        assert!(Position::read(&[]).is_err());
        assert!(Position::read(&[0]).is_err());
    }
}
