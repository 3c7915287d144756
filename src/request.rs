//! What a node may ask.
//!
//! The codec turns frames into these values. What decodes but is not valid input (W10) is a [`Request::Invalid`]:
//! a value too, because it must be answered in-band (W9).

use crate::consensus::chain_id::IllegalChainId;
use crate::consensus::sign_bytes::NotCanonical;
use crate::consensus::{
    BlockId, ChainId, Extension, Height, Hrs, Precommit, Prevote, Proposal, Round, SignBytes, Step,
    Timestamp,
};

/// One decoded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Is the signer there? (`PingRequest`)
    Ping,
    /// Which public key signs for this chain? (`PubKeyRequest`)
    PublicKey {
        /// The chain id that the node named.
        chain_id: Result<ChainId, IllegalChainId>,
    },
    /// Sign a proposal or a vote. (`SignProposalRequest`, `SignVoteRequest`)
    Sign(SignRequest),
    /// Sign bytes that are not a consensus message (v1.0's `SignBytesRequest`, Celestia's `SignRawBytesRequest`).
    SignRaw(RawRequest),
    /// Something that decodes but must not be signed whatever the watermark says.
    Invalid(Invalid),
}

/// A request for a signature of raw bytes: its three fields, which two dialects fill differently.
///
/// v1.0's `SignBytesRequest` has the bytes in the first field and no other; Celestia's `SignRawBytesRequest` has chain id,
/// bytes and `unique_id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawRequest {
    /// Field 1.
    pub first: Vec<u8>,
    /// Field 2.
    pub second: Vec<u8>,
    /// Field 3.
    pub third: Vec<u8>,
}

impl RawRequest {
    /// The protobuf encoding with its length before it.
    pub fn delimited(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        for (tag, field) in [(1_u8, &self.first), (2, &self.second), (3, &self.third)] {
            // Proto3 leaves empty fields out.
            if !field.is_empty() {
                // The field's number, and that its length follows.
                fields.push(tag << 3 | 2);
                push_length(field.len(), &mut fields);
                fields.extend_from_slice(field);
            }
        }
        let mut bytes = Vec::new();
        push_length(fields.len(), &mut bytes);
        bytes.extend_from_slice(&fields);
        bytes
    }

    /// What [`RawRequest::delimited`] made; `None` of other bytes.
    pub fn from_delimited(bytes: &[u8]) -> Option<Self> {
        let fields = <RawFields as prost::Message>::decode_length_delimited(bytes).ok()?;
        let request = Self {
            first: fields.first,
            second: fields.second,
            third: fields.third,
        };
        (request.delimited() == bytes).then_some(request)
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct RawFields {
    #[prost(bytes = "vec", tag = "1")]
    first: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    second: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    third: Vec<u8>,
}

fn push_length(length: usize, bytes: &mut Vec<u8>) {
    // A vector has room for everything: encoding into it cannot fail.
    let _ = prost::encode_length_delimiter(length, bytes);
}

/// A valid request for a consensus signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignRequest {
    /// The chain that the node believes it is on.
    pub chain_id: ChainId,
    /// What to sign.
    pub message: Message,
    /// What the reply gives back untouched.
    pub echo: Echo,
}

/// The three kinds of consensus messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A proposal.
    Proposal(Proposal),
    /// A prevote.
    Prevote(Prevote),
    /// A precommit; the only one that may carry an extension.
    Precommit(Precommit),
}

/// Fields of a vote that are not signed and only travel back to the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echo {
    /// `validator_address`: 20 bytes, or empty.
    pub validator_address: Vec<u8>,
    /// `validator_index`.
    pub validator_index: i32,
}

/// Which reply an invalid or refused request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `SignedVoteResponse`.
    Vote,
    /// `SignedProposalResponse`.
    Proposal,
}

/// A request that is refused before the gate (W10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Which reply it wants.
    pub asked: Asked,
    /// What is wrong, in words for the operator's log and the node's.
    pub problem: InvalidInput,
}

/// What makes a request invalid (W10).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInput {
    /// The chain id is empty, too long or no text.
    #[error("{0}")]
    ChainId(#[from] IllegalChainId),
    /// The request carries no vote or proposal.
    #[error("the request carries no {0}")]
    Missing(&'static str),
    /// The height is below 1.
    #[error("the height is {0}, and must be at least 1")]
    Height(i64),
    /// The round is negative or above [`Round::MAX_REQUESTED`].
    #[error("the round is {0}, and must be from 0 to {max}", max = Round::MAX_REQUESTED)]
    Round(i64),
    /// The vote is neither prevote nor precommit.
    #[error("the vote's type is {0}, which is neither prevote (1) nor precommit (2)")]
    VoteType(i64),
    /// The proposal has the type of something else.
    #[error("the proposal's type is {0}, and must be 32")]
    ProposalType(i64),
    /// The block id is half filled.
    #[error("{0}")]
    BlockId(#[from] crate::consensus::block_id::IncompleteBlockId),
    /// A proposal for no block.
    #[error("the proposal is for no block")]
    NilProposal,
    /// `pol_round` is below −1 or wider than its field.
    #[error("pol_round is {0}, and must be at least -1")]
    PolRound(i64),
    /// An extension stands on a prevote or a nil precommit.
    #[error("a vote extension stands on a {0}, and may only stand on a precommit for a block")]
    Extension(&'static str),
    /// The time is none that Go's protobuf code accepts.
    #[error("the time ({seconds} s, {nanos} ns) is none that a node can send")]
    Time {
        /// Seconds since 1970.
        seconds: i64,
        /// Nanoseconds.
        nanos: i64,
    },
    /// Bytes that another cosigner asks a share for are not those of a vote or proposal.
    #[error("{0}")]
    NotCanonical(#[from] NotCanonical),
    /// A number is wider than its field.
    #[error("the {field} is {value}, which does not fit its field")]
    Wide {
        /// The name of the field.
        field: &'static str,
        /// The number sent.
        value: i64,
    },
}

impl SignRequest {
    /// The bytes that the request asks a signature for.
    pub fn sign_bytes(&self) -> SignBytes {
        match &self.message {
            Message::Proposal(proposal) => SignBytes::proposal(&self.chain_id, proposal),
            Message::Prevote(vote) => SignBytes::prevote(&self.chain_id, vote),
            Message::Precommit(vote) => SignBytes::precommit(&self.chain_id, vote),
        }
    }

    /// Height, round and step asked for. For words only: the gate reads them from the sign bytes (W5).
    pub fn hrs(&self) -> Hrs {
        let (height, round, step) = match &self.message {
            Message::Proposal(proposal) => (proposal.height, proposal.round, Step::Propose),
            Message::Prevote(vote) => (vote.height, vote.round, Step::Prevote),
            Message::Precommit(vote) => (vote.height, vote.round, Step::Precommit),
        };
        Hrs {
            height,
            round,
            step,
        }
    }

    /// The block asked for; `None` is a nil vote.
    pub fn block(&self) -> Option<&BlockId> {
        match &self.message {
            Message::Proposal(proposal) => Some(&proposal.block),
            Message::Prevote(vote) => vote.block.as_ref(),
            Message::Precommit(vote) => vote.block.as_ref().map(|(block, _)| block),
        }
    }

    /// What the node's clock showed when it made a vote, as it says. A proposal may have the time of an older block.
    pub fn vote_time(&self) -> Option<Timestamp> {
        match &self.message {
            Message::Proposal(_) => None,
            Message::Prevote(vote) => Some(vote.timestamp),
            Message::Precommit(vote) => Some(vote.timestamp),
        }
    }

    /// The extension with its height and round, present on a precommit for a block only.
    pub fn extension(&self) -> Option<(Height, Round, &Extension)> {
        match &self.message {
            Message::Precommit(Precommit {
                height,
                round,
                block: Some((_, extension)),
                ..
            }) => Some((*height, *round, extension)),
            _ => None,
        }
    }

    /// Which reply the request wants.
    pub fn asked(&self) -> Asked {
        match self.message {
            Message::Proposal(_) => Asked::Proposal,
            Message::Prevote(_) | Message::Precommit(_) => Asked::Vote,
        }
    }
}
