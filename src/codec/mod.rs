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
//! A message that decodes always becomes a [`Request`], if only an invalid one, because it must be answered (W9).
//! [`Malformed`] is what cannot be answered: the link ends.

mod convert;
pub mod frame;
mod messages;
pub mod node;

use prost::Message as _;

use crate::consensus::{ChainId, PublicKey};
use crate::reply::{RemoteError, Reply, Signed};
use crate::request::{
    Asked, Echo, Invalid, InvalidInput, Message, RawRequest, Request, SignRequest,
};

use messages::{Envelope, Sum};

/// The longest description in a `RemoteSignerError`, in bytes: nodes up to v0.38 read at most 10 KiB in all.
const DESCRIPTION: usize = 1024;

/// A frame that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is no protobuf of the privval schema.
    #[error("a frame that is not a privval message ({0})")]
    Undecodable(String),
    /// It is a privval message that is no request.
    #[error("a privval message that has no reply ({0})")]
    NoRequest(&'static str),
}

/// Reads one frame.
pub fn decode(frame: &[u8]) -> Result<Request, Malformed> {
    let envelope =
        Envelope::decode(frame).map_err(|error| Malformed::Undecodable(error.to_string()))?;
    match envelope.sum {
        Some(Sum::PingRequest(_)) => Ok(Request::Ping),
        Some(Sum::PubKeyRequest(request)) => Ok(Request::PublicKey {
            chain_id: ChainId::read(&request.chain_id),
        }),
        Some(Sum::SignVoteRequest(request)) => {
            let read = |vote| convert::read_vote(vote, request.skip_extension_signing);
            let vote = request
                .vote
                .ok_or(InvalidInput::Missing("vote"))
                .and_then(read);
            Ok(sign(Asked::Vote, &request.chain_id, vote))
        }
        Some(Sum::SignProposalRequest(request)) => {
            let read = |proposal| Ok((convert::read_proposal(proposal)?, Echo::default()));
            let proposal = request
                .proposal
                .ok_or(InvalidInput::Missing("proposal"))
                .and_then(read);
            Ok(sign(Asked::Proposal, &request.chain_id, proposal))
        }
        Some(Sum::SignBytesRequest(request)) => Ok(Request::SignRaw(RawRequest {
            first: request.first,
            second: request.second,
            third: request.third,
        })),
        Some(Sum::PubKeyResponse(_)) => Err(Malformed::NoRequest("PubKeyResponse")),
        Some(Sum::SignedVoteResponse(_)) => Err(Malformed::NoRequest("SignedVoteResponse")),
        Some(Sum::SignedProposalResponse(_)) => Err(Malformed::NoRequest("SignedProposalResponse")),
        Some(Sum::PingResponse(_)) => Err(Malformed::NoRequest("PingResponse")),
        Some(Sum::SignBytesResponse(_)) => Err(Malformed::NoRequest("SignBytesResponse")),
        None => Err(Malformed::NoRequest(
            "an empty message or one of an unknown type",
        )),
    }
}

/// Appends one reply with its length to `out`.
pub fn encode(reply: &Reply, out: &mut Vec<u8>) {
    let sum = match reply {
        Reply::Pong => Sum::PingResponse(messages::Empty {}),
        Reply::PublicKey(Ok(key)) => Sum::PubKeyResponse(public_key(key)),
        Reply::PublicKey(Err(error)) => Sum::PubKeyResponse(messages::PubKeyResponse {
            pub_key: Some(messages::PublicKey::default()),
            error: Some(remote_error(error)),
            ..Default::default()
        }),
        Reply::Signed(signed) => signed_reply(signed),
        Reply::Refused {
            asked: Asked::Vote,
            error,
        } => Sum::SignedVoteResponse(messages::SignedVoteResponse {
            vote: Some(convert::empty_vote()),
            error: Some(remote_error(error)),
        }),
        Reply::Refused {
            asked: Asked::Proposal,
            error,
        } => Sum::SignedProposalResponse(messages::SignedProposalResponse {
            proposal: Some(convert::empty_proposal()),
            error: Some(remote_error(error)),
        }),
        Reply::RawSigned(signature) => Sum::SignBytesResponse(messages::SignBytesResponse {
            signature: signature.as_slice().to_vec(),
            error: None,
        }),
        Reply::RawRefused(error) => Sum::SignBytesResponse(messages::SignBytesResponse {
            signature: Vec::new(),
            error: Some(remote_error(error)),
        }),
    };
    append(sum, out);
}

fn append(sum: Sum, out: &mut Vec<u8>) {
    // A vector has room for everything: encoding into it cannot fail.
    let _ = Envelope { sum: Some(sum) }.encode_length_delimited(out);
}

fn sign(asked: Asked, chain_id: &[u8], read: Result<(Message, Echo), InvalidInput>) -> Request {
    let chain_id = ChainId::read(chain_id).map_err(InvalidInput::ChainId);
    match chain_id.and_then(|chain_id| read.map(|(message, echo)| (chain_id, message, echo))) {
        Ok((chain_id, message, echo)) => Request::Sign(SignRequest {
            chain_id,
            message,
            echo,
        }),
        Err(problem) => Request::Invalid(Invalid { asked, problem }),
    }
}

fn signed_reply(signed: &Signed) -> Sum {
    let Signed {
        request,
        timestamp,
        signature,
        extension_signature,
    } = signed;
    let signature = signature.as_slice().to_vec();
    if let Message::Proposal(proposal) = &request.message {
        let proposal = messages::Proposal {
            signature,
            ..convert::write_proposal(proposal, *timestamp)
        };
        return Sum::SignedProposalResponse(messages::SignedProposalResponse {
            proposal: Some(proposal),
            error: None,
        });
    }
    let vote = convert::write_vote(&request.message, &request.echo, *timestamp, false);
    Sum::SignedVoteResponse(messages::SignedVoteResponse {
        vote: vote.map(|vote| messages::Vote {
            signature,
            extension_signature: extension_signature
                .as_ref()
                .map(|signature| signature.as_slice().to_vec())
                .unwrap_or_default(),
            ..vote
        }),
        error: None,
    })
}

/// Both forms of the key in one reply: each series skips the fields that it does not know.
fn public_key(key: &PublicKey) -> messages::PubKeyResponse {
    let bytes = key.as_bytes().to_vec();
    let sum = match key {
        PublicKey::Ed25519(_) => messages::PublicKeySum::Ed25519(bytes.clone()),
        PublicKey::Secp256k1(_) => messages::PublicKeySum::Secp256k1(bytes.clone()),
    };
    messages::PubKeyResponse {
        pub_key: Some(messages::PublicKey { sum: Some(sum) }),
        error: None,
        pub_key_bytes: bytes,
        pub_key_type: key.key_type().as_str().to_owned(),
    }
}

fn remote_error(error: &RemoteError) -> messages::RemoteSignerError {
    let end = error.description.floor_char_boundary(DESCRIPTION);
    let description = error.description.get(..end).unwrap_or_default().to_owned();
    messages::RemoteSignerError {
        code: error.code,
        description,
    }
}
