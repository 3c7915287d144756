//! The protobuf shapes of the privval messages, for all series at once.
//!
//! Sources: `proto/tendermint/privval/types.proto` of CometBFT v0.34 to v0.40, and
//! `proto/cometbft/privval/v1/types.proto` of v1.0. The tags of the two agree, but for the public key, of which a
//! reply fills both forms. Celestia's raw-bytes messages sit at the same tags as v1.0's.
//!
//! Where the schema has 32 bits these shapes have 64, so that a number too wide is seen and refused instead of
//! truncated (W10). On the wire the two are the same.
//!
//! Shapes are called what the schema calls them, so some share a name with the value that they become.

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Envelope {
    #[prost(oneof = "Sum", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub sum: Option<Sum>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Sum {
    #[prost(message, tag = "1")]
    PubKeyRequest(PubKeyRequest),
    #[prost(message, tag = "2")]
    PubKeyResponse(PubKeyResponse),
    #[prost(message, tag = "3")]
    SignVoteRequest(SignVoteRequest),
    #[prost(message, tag = "4")]
    SignedVoteResponse(SignedVoteResponse),
    #[prost(message, tag = "5")]
    SignProposalRequest(SignProposalRequest),
    #[prost(message, tag = "6")]
    SignedProposalResponse(SignedProposalResponse),
    #[prost(message, tag = "7")]
    PingRequest(Empty),
    #[prost(message, tag = "8")]
    PingResponse(Empty),
    #[prost(message, tag = "9")]
    SignBytesRequest(SignBytesRequest),
    #[prost(message, tag = "10")]
    SignBytesResponse(SignBytesResponse),
}

/// What a node says first on its port for peers, as far as it is looked at.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct NodeInfo {
    #[prost(string, tag = "2")]
    pub default_node_id: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PubKeyRequest {
    /// A string; read as bytes, so that text that is not UTF-8 can be answered in-band.
    #[prost(bytes = "vec", tag = "1")]
    pub chain_id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PubKeyResponse {
    /// Up to v0.40. Written on errors too, empty, because those series require it.
    #[prost(message, optional, tag = "1")]
    pub pub_key: Option<PublicKey>,
    #[prost(message, optional, tag = "2")]
    pub error: Option<RemoteSignerError>,
    /// v1.0.
    #[prost(bytes = "vec", tag = "3")]
    pub pub_key_bytes: Vec<u8>,
    /// v1.0.
    #[prost(string, tag = "4")]
    pub pub_key_type: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PublicKey {
    #[prost(oneof = "PublicKeySum", tags = "1, 2, 3, 4, 5")]
    pub sum: Option<PublicKeySum>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum PublicKeySum {
    #[prost(bytes, tag = "1")]
    Ed25519(Vec<u8>),
    #[prost(bytes, tag = "2")]
    Secp256k1(Vec<u8>),
    #[prost(bytes, tag = "3")]
    Bls12381(Vec<u8>),
    /// From v0.40 on, as the next.
    #[prost(bytes, tag = "4")]
    MlDsa65(Vec<u8>),
    #[prost(bytes, tag = "5")]
    Secp256k1Eth(Vec<u8>),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SignVoteRequest {
    #[prost(message, optional, tag = "1")]
    pub vote: Option<Vote>,
    #[prost(bytes = "vec", tag = "2")]
    pub chain_id: Vec<u8>,
    /// v1.0.
    #[prost(bool, tag = "3")]
    pub skip_extension_signing: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SignedVoteResponse {
    /// Required, even on an error.
    #[prost(message, optional, tag = "1")]
    pub vote: Option<Vote>,
    #[prost(message, optional, tag = "2")]
    pub error: Option<RemoteSignerError>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SignProposalRequest {
    #[prost(message, optional, tag = "1")]
    pub proposal: Option<Proposal>,
    #[prost(bytes = "vec", tag = "2")]
    pub chain_id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SignedProposalResponse {
    /// Required, even on an error.
    #[prost(message, optional, tag = "1")]
    pub proposal: Option<Proposal>,
    #[prost(message, optional, tag = "2")]
    pub error: Option<RemoteSignerError>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SignBytesRequest {
    /// v1.0: the bytes. Celestia: the chain id.
    #[prost(bytes = "vec", tag = "1")]
    pub first: Vec<u8>,
    /// Celestia: the bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub second: Vec<u8>,
    /// Celestia: `unique_id`.
    #[prost(bytes = "vec", tag = "3")]
    pub third: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SignBytesResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub signature: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub error: Option<RemoteSignerError>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RemoteSignerError {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub description: String,
}

/// `tendermint.types.Vote`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Vote {
    #[prost(int64, tag = "1")]
    pub kind: i64,
    #[prost(int64, tag = "2")]
    pub height: i64,
    #[prost(int64, tag = "3")]
    pub round: i64,
    #[prost(message, optional, tag = "4")]
    pub block_id: Option<BlockId>,
    #[prost(message, optional, tag = "5")]
    pub timestamp: Option<Time>,
    #[prost(bytes = "vec", tag = "6")]
    pub validator_address: Vec<u8>,
    #[prost(int64, tag = "7")]
    pub validator_index: i64,
    #[prost(bytes = "vec", tag = "8")]
    pub signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "9")]
    pub extension: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub extension_signature: Vec<u8>,
}

/// `tendermint.types.Proposal`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Proposal {
    #[prost(int64, tag = "1")]
    pub kind: i64,
    #[prost(int64, tag = "2")]
    pub height: i64,
    #[prost(int64, tag = "3")]
    pub round: i64,
    #[prost(int64, tag = "4")]
    pub pol_round: i64,
    #[prost(message, optional, tag = "5")]
    pub block_id: Option<BlockId>,
    #[prost(message, optional, tag = "6")]
    pub timestamp: Option<Time>,
    #[prost(bytes = "vec", tag = "7")]
    pub signature: Vec<u8>,
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
    #[prost(uint64, tag = "1")]
    pub total: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Time {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int64, tag = "2")]
    pub nanos: i64,
}
