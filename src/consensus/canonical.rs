//! The protobuf shapes of the bytes that are signed: `CanonicalVote`, `CanonicalProposal` and
//! `CanonicalVoteExtension` of CometBFT's `proto/tendermint/types/canonical.proto` (v0.34 to v0.40) and
//! `proto/cometbft/types/v1/canonical.proto` (v1.0), which are the same on the wire.
//!
//! Private to `consensus`: everyone else builds [`super::SignBytes`] from typed values. Shapes are called what the schema
//! calls them, so some share a name with the value that they encode.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Vote {
    /// 1 prevote, 2 precommit.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    #[prost(sfixed64, tag = "2")]
    pub height: i64,
    #[prost(sfixed64, tag = "3")]
    pub round: i64,
    #[prost(message, optional, tag = "4")]
    pub block_id: Option<BlockId>,
    #[prost(message, optional, tag = "5")]
    pub timestamp: Option<Time>,
    #[prost(string, tag = "6")]
    pub chain_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Proposal {
    /// Always 32.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    #[prost(sfixed64, tag = "2")]
    pub height: i64,
    #[prost(sfixed64, tag = "3")]
    pub round: i64,
    #[prost(int64, tag = "4")]
    pub pol_round: i64,
    #[prost(message, optional, tag = "5")]
    pub block_id: Option<BlockId>,
    #[prost(message, optional, tag = "6")]
    pub timestamp: Option<Time>,
    #[prost(string, tag = "7")]
    pub chain_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct VoteExtension {
    #[prost(bytes = "vec", tag = "1")]
    pub extension: Vec<u8>,
    #[prost(sfixed64, tag = "2")]
    pub height: i64,
    #[prost(sfixed64, tag = "3")]
    pub round: i64,
    #[prost(string, tag = "4")]
    pub chain_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BlockId {
    #[prost(bytes = "vec", tag = "1")]
    pub hash: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub parts: Option<PartSetHeader>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PartSetHeader {
    #[prost(uint32, tag = "1")]
    pub total: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Time {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}
