//! What we answer.
//!
//! Each request but a malformed one has exactly one reply, refusals and device failures included (W9).

use crate::consensus::{PublicKey, Signature, Timestamp};
use crate::request::{Asked, SignRequest};

/// One reply, ready for the codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The signer is there. (`PingResponse`)
    Pong,
    /// The public key for the chain. (`PubKeyResponse`)
    PublicKey(Result<PublicKey, RemoteError>),
    /// A signed vote or proposal. (`SignedVoteResponse`, `SignedProposalResponse`)
    Signed(Box<Signed>),
    /// No signature, and why; the link stays up.
    Refused {
        /// Which reply the request wanted.
        asked: Asked,
        /// Why.
        error: RemoteError,
    },
    /// A signature of raw bytes. (`SignBytesResponse`)
    RawSigned(Signature),
    /// No signature of raw bytes, and why. (`SignBytesResponse`)
    RawRefused(RemoteError),
}

/// A vote or proposal with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What was asked. Its extension is never sent back: nodes take none, and read at most 10 KiB.
    pub request: SignRequest,
    /// The timestamp that stands in the signed bytes; on a replay an earlier one than was asked.
    pub timestamp: Timestamp,
    /// The signature over the message.
    pub signature: Signature,
    /// The signature over the extension, on precommits for a block.
    pub extension_signature: Option<Signature>,
}

/// A `RemoteSignerError`. A node passes it up at once instead of asking again fifty times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteError {
    /// A number that nodes do not interpret. Ours are listed in `docs/protocol.md`.
    pub code: i32,
    /// What happened, for the node's log.
    pub description: String,
}
