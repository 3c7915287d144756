//! The protobuf shapes of the messages between members.
//!
//! What comes in numbers (nonces, commitments) stands in one field of bytes, each of a fixed length, so that nothing that is read is
//! larger than the frame that it came in.

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Parcel {
    #[prost(oneof = "Content", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub content: Option<Content>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Content {
    #[prost(message, tag = "1")]
    Hello(HelloShape),
    /// Of each nonce: pool and number, 8 bytes each with the most significant first, and the commitments.
    #[prost(bytes = "vec", tag = "2")]
    Shown(Vec<u8>),
    #[prost(message, tag = "3")]
    Ask(AskShape),
    #[prost(message, tag = "4")]
    Answer(AnswerShape),
    #[prost(uint64, tag = "5")]
    Ping(u64),
    #[prost(uint64, tag = "6")]
    Pong(u64),
    #[prost(bytes = "vec", tag = "7")]
    Bye(Vec<u8>),
    #[prost(message, tag = "8")]
    Made(MadeShape),
    #[prost(message, tag = "9")]
    Stands(StandsShape),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StandsShape {
    #[prost(message, repeated, tag = "1")]
    pub all: Vec<StandingShape>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StandingShape {
    #[prost(bytes = "vec", tag = "1")]
    pub chain_id: Vec<u8>,
    /// None before the first message.
    #[prost(message, optional, tag = "2")]
    pub at: Option<PositionShape>,
    #[prost(message, optional, tag = "3")]
    pub made: Option<MadeShape>,
    /// None before the chain is armed, and before the first message.
    #[prost(message, optional, tag = "4")]
    pub began: Option<PositionShape>,
    /// A sentence, where no share is given.
    #[prost(bytes = "vec", optional, tag = "5")]
    pub refuses: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct PositionShape {
    #[prost(int64, tag = "1")]
    pub height: i64,
    #[prost(int32, tag = "2")]
    pub round: i32,
    /// 1 for a proposal, 2 for a prevote, 3 for a precommit.
    #[prost(uint32, tag = "3")]
    pub step: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MadeShape {
    #[prost(bytes = "vec", tag = "1")]
    pub chain_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub bytes: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HelloShape {
    #[prost(uint32, tag = "1")]
    pub version: u32,
    #[prost(uint32, tag = "2")]
    pub id: u32,
    #[prost(fixed64, tag = "3")]
    pub boot: u64,
    #[prost(bytes = "vec", tag = "4")]
    pub public_key: Vec<u8>,
    #[prost(uint32, tag = "5")]
    pub threshold: u32,
    #[prost(uint32, tag = "6")]
    pub members: u32,
    #[prost(bytes = "vec", tag = "7")]
    pub public_share: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AskShape {
    #[prost(uint64, tag = "1")]
    pub number: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub chain_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub bytes: Vec<u8>,
    /// Pool and number.
    #[prost(bytes = "vec", tag = "4")]
    pub nonce: Vec<u8>,
    /// Of each member: its id in 2 bytes with the most significant first, and the commitments.
    #[prost(bytes = "vec", tag = "5")]
    pub commitments: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AnswerShape {
    #[prost(uint64, tag = "1")]
    pub number: u64,
    #[prost(oneof = "Told", tags = "2, 3, 4, 5, 6, 7, 8")]
    pub told: Option<Told>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Told {
    #[prost(bytes = "vec", tag = "2")]
    Share(Vec<u8>),
    #[prost(bytes = "vec", tag = "3")]
    Locked(Vec<u8>),
    #[prost(message, tag = "4")]
    Signed(SignedShape),
    #[prost(message, tag = "5")]
    NoNonce(Nothing),
    /// A sentence.
    #[prost(bytes = "vec", tag = "6")]
    Refused(Vec<u8>),
    #[prost(message, tag = "7")]
    Busy(Nothing),
    /// A sentence.
    #[prost(bytes = "vec", tag = "8")]
    NotYet(Vec<u8>),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SignedShape {
    #[prost(bytes = "vec", tag = "1")]
    pub signature: Vec<u8>,
    #[prost(sint64, tag = "2")]
    pub seconds: i64,
    #[prost(sint32, tag = "3")]
    pub nanos: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Nothing {}
