//! The other side of the wire: what a node writes and reads. Used by the harness, the demo and the tests.

use prost::Message as _;

use crate::consensus::{PublicKey, Signature, Timestamp};
use crate::reply::RemoteError;
use crate::request::{Message, RawRequest, SignRequest};
use crate::text::excerpt::brief;

use super::convert;
use super::decode::Malformed;
use super::encode::{DESCRIPTION, append};
use super::messages::{self, Envelope, Sum};

/// What a node asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `PingRequest`.
    Ping,
    /// `PubKeyRequest`.
    PublicKey(String),
    /// `SignVoteRequest` or `SignProposalRequest`.
    Sign(SignRequest),
    /// `SignBytesRequest`.
    Raw(RawRequest),
}

/// What a node reads in a reply; what a chain answers is `chain::Answer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `PingResponse`.
    Pong,
    /// `PubKeyResponse` with a key; both of its forms agreed.
    PublicKey(PublicKey),
    /// A signed vote or proposal.
    Signed {
        /// The timestamp that the signature covers.
        timestamp: Timestamp,
        /// The signature.
        signature: Signature,
        /// The extension's signature, where there is one.
        extension_signature: Option<Signature>,
    },
    /// A signature of raw bytes.
    RawSigned(Signature),
    /// Any reply that carries a `RemoteSignerError`.
    Error(RemoteError),
}

/// Appends one request with its length to `out`.
pub fn encode(ask: &Ask, out: &mut Vec<u8>) {
    let sum = match ask {
        Ask::Ping => Sum::PingRequest(messages::Empty {}),
        Ask::PublicKey(chain_id) => Sum::PubKeyRequest(messages::PubKeyRequest {
            chain_id: chain_id.as_bytes().to_vec(),
        }),
        Ask::Raw(request) => Sum::SignBytesRequest(messages::SignBytesRequest {
            first: request.first.clone(),
            second: request.second.clone(),
            third: request.third.clone(),
        }),
        Ask::Sign(request) => sign(request),
    };
    append(sum, out);
}

/// Reads one frame.
pub fn decode(frame: &[u8]) -> Result<Answer, Malformed> {
    let envelope =
        Envelope::decode(frame).map_err(|error| Malformed::Undecodable(error.to_string()))?;
    match envelope.sum {
        Some(Sum::PingResponse(_)) => Ok(Answer::Pong),
        Some(Sum::PubKeyResponse(response)) => public_key(response),
        Some(Sum::SignedVoteResponse(response)) => match (response.error, response.vote) {
            (Some(error), _) => Ok(failed(error)),
            (None, Some(vote)) => Ok(Answer::Signed {
                timestamp: time(vote.timestamp),
                signature: Signature::from_bytes(vote.signature),
                extension_signature: (!vote.extension_signature.is_empty())
                    .then(|| Signature::from_bytes(vote.extension_signature)),
            }),
            (None, None) => Err(Malformed::NoRequest("a SignedVoteResponse without a vote")),
        },
        Some(Sum::SignedProposalResponse(response)) => match (response.error, response.proposal) {
            (Some(error), _) => Ok(failed(error)),
            (None, Some(proposal)) => Ok(Answer::Signed {
                timestamp: time(proposal.timestamp),
                signature: Signature::from_bytes(proposal.signature),
                extension_signature: None,
            }),
            (None, None) => Err(Malformed::NoRequest(
                "a SignedProposalResponse without a proposal",
            )),
        },
        Some(Sum::SignBytesResponse(response)) => match response.error {
            Some(error) => Ok(failed(error)),
            None => Ok(Answer::RawSigned(Signature::from_bytes(response.signature))),
        },
        _ => Err(Malformed::NoRequest("a message that is not a reply")),
    }
}

fn sign(request: &SignRequest) -> Sum {
    let chain_id = request.chain_id.as_str().as_bytes().to_vec();
    match &request.message {
        Message::Proposal(proposal) => Sum::SignProposalRequest(messages::SignProposalRequest {
            proposal: Some(convert::write_proposal(proposal, proposal.timestamp)),
            chain_id,
        }),
        Message::Prevote(vote) => vote_request(request, vote.timestamp, false, chain_id),
        Message::Precommit(vote) => {
            let skip = vote
                .block
                .as_ref()
                .is_some_and(|(_, extension)| extension.skip);
            vote_request(request, vote.timestamp, skip, chain_id)
        }
    }
}

fn vote_request(request: &SignRequest, timestamp: Timestamp, skip: bool, chain_id: Vec<u8>) -> Sum {
    Sum::SignVoteRequest(messages::SignVoteRequest {
        vote: convert::write_vote(&request.message, &request.echo, timestamp, true),
        chain_id,
        skip_extension_signing: skip,
    })
}

fn public_key(response: messages::PubKeyResponse) -> Result<Answer, Malformed> {
    if let Some(error) = response.error {
        return Ok(failed(error));
    }
    let (kind, bytes) = match response.pub_key.and_then(|key| key.sum) {
        Some(messages::PublicKeySum::Ed25519(bytes)) => ("ed25519", bytes),
        Some(messages::PublicKeySum::Secp256k1(bytes)) => ("secp256k1", bytes),
        Some(messages::PublicKeySum::Bls12381(bytes)) => ("bls12_381", bytes),
        Some(messages::PublicKeySum::MlDsa65(bytes)) => ("ml_dsa_65", bytes),
        Some(messages::PublicKeySum::Secp256k1Eth(bytes)) => ("secp256k1eth", bytes),
        None => return Err(Malformed::NoRequest("a PubKeyResponse without a key")),
    };
    if bytes != response.pub_key_bytes || kind != response.pub_key_type {
        return Err(Malformed::NoRequest(
            "a PubKeyResponse whose two keys differ",
        ));
    }
    PublicKey::from_bytes(kind, &bytes)
        .map(Answer::PublicKey)
        .map_err(|error| Malformed::Undecodable(error.to_string()))
}

fn failed(error: messages::RemoteSignerError) -> Answer {
    Answer::Error(RemoteError {
        code: error.code,
        // A signer of any make may say as much as a frame holds.
        description: brief(&error.description, DESCRIPTION).into_owned(),
    })
}

fn time(time: Option<messages::Time>) -> Timestamp {
    let time = time.unwrap_or_default();
    Timestamp {
        seconds: time.seconds,
        nanos: i32::try_from(time.nanos).unwrap_or(0),
    }
}
