//! Bytes to requests, replies to bytes.
//!
//! | tag | message | answered by |
//! |---|---|---|
//! | 1 | `PubKeyRequest` | 2 `PubKeyResponse` |
//! | 3 | `SignVoteRequest` | 4 `SignedVoteResponse` |
//! | 5 | `SignProposalRequest` | 6 `SignedProposalResponse` |
//! | 7 | `PingRequest` | 8 `PingResponse` |
//! | 9 | `SignBytesRequest` (v1.0), `SignRawBytesRequest` (Celestia) | 10, their response |
//!
//! Every message that decodes becomes a [`crate::request::Request`], an invalid one if need be, because it must be answered (W9).
//! [`Malformed`] is what cannot be answered: the link ends.

mod convert;
mod decode;
mod encode;
pub mod frame;
mod messages;
pub mod node;

pub use decode::{Malformed, decode};
pub use encode::encode;
