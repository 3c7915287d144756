//! Replies to frames.

use prost::Message as _;

use crate::consensus::PublicKey;
use crate::reply::{RemoteError, Reply, Signed};
use crate::request::{Asked, Message};

use super::convert;
use super::messages::{self, Envelope, Sum};

/// The longest description in a `RemoteSignerError`, in bytes: nodes up to v0.38 read at most 10 KiB in all.
pub(super) const DESCRIPTION: usize = 1024;

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

/// Appends one message with its length.
pub(super) fn append(sum: Sum, out: &mut Vec<u8>) {
    // A vector has room for everything: encoding into it cannot fail.
    let _ = Envelope { sum: Some(sum) }.encode_length_delimited(out);
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
        PublicKey::Bls12381(_) => messages::PublicKeySum::Bls12381(bytes.clone()),
        PublicKey::MlDsa65(_) => messages::PublicKeySum::MlDsa65(bytes.clone()),
        PublicKey::Secp256k1Eth(_) => messages::PublicKeySum::Secp256k1Eth(bytes.clone()),
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
