//! What a signer answered, read leniently: what a node would take is taken, and judged by the checks.
//!
//! Messages: `privval/types.proto` of CometBFT v0.34 to v1.0. A public key may come in the old form (tag 1), in the new
//! one (tags 3 and 4), or in both.

use super::protobuf::{Fields, NotProtobuf, Writer};
use super::test_message::Time;

/// A `PingRequest`, with its length.
pub fn ping() -> Vec<u8> {
    let mut envelope = Writer::default();
    envelope.message(7, &Writer::default());
    envelope.delimited()
}

/// A `PubKeyRequest`, with its length.
pub fn public_key_request(chain_id: &str) -> Vec<u8> {
    let (mut request, mut envelope) = (Writer::default(), Writer::default());
    request.bytes(1, chain_id.as_bytes());
    envelope.message(1, &request);
    envelope.delimited()
}

/// v1.0's `SignBytesRequest` for these bytes, with its length. Celestia's message reads the same bytes as a chain id.
pub fn sign_bytes_request(value: &[u8]) -> Vec<u8> {
    let (mut request, mut envelope) = (Writer::default(), Writer::default());
    request.bytes(1, value);
    envelope.message(9, &request);
    envelope.delimited()
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `PingResponse`.
    Pong,
    /// `PubKeyResponse` with a key.
    PublicKey(KeyReply),
    /// `SignedVoteResponse` or `SignedProposalResponse` without an error.
    Signed(Signed),
    /// `SignBytesResponse` with these bytes.
    RawSigned(Vec<u8>),
    /// Any response with a `RemoteSignerError`.
    Refused {
        /// The error's code; nodes do not interpret it.
        code: i64,
        /// The error's description, without control characters and cut to 400.
        words: String,
    },
}

/// A key as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReply {
    /// Type and bytes in the form that nodes up to v0.40 read.
    pub old: Option<(String, Vec<u8>)>,
    /// Type and bytes in the form that v1.0 reads.
    pub new: Option<(String, Vec<u8>)>,
}

/// A signature as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Whether it came as a proposal.
    pub proposal: bool,
    /// The time in the reply.
    pub time: Time,
    /// The signature.
    pub signature: Vec<u8>,
    /// The extension's signature, empty when there is none.
    pub extension_signature: Vec<u8>,
    /// The size of the whole message in bytes, without its length.
    pub size: usize,
}

/// Why a frame is not a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAReply {
    /// It is not a protobuf.
    #[error("{0}")]
    Bytes(#[from] NotProtobuf),
    /// It is of another type.
    #[error("a message with tag {0}, which is not a reply")]
    Tag(u64),
    /// It is empty.
    #[error("an empty message")]
    Empty,
    /// It carries neither what was asked nor an error.
    #[error("a reply with neither {0} nor an error")]
    Hollow(&'static str),
}

/// Reads one frame.
pub fn read(frame: &[u8]) -> Result<Reply, NotAReply> {
    let envelope = Fields::read(frame)?;
    let tag = envelope.last_tag().ok_or(NotAReply::Empty)?;
    let body = envelope.message(tag)?.ok_or(NotAReply::Tag(tag))?;
    if tag != 8
        && let Some(error) = body.message(2)?
    {
        let words = error.bytes(2).unwrap_or_default();
        return Ok(Reply::Refused {
            code: error.int(1),
            words: printable(words),
        });
    }
    match tag {
        2 => key(&body),
        4 => signed(&body, false, frame.len()),
        6 => signed(&body, true, frame.len()),
        8 => Ok(Reply::Pong),
        10 => Ok(Reply::RawSigned(body.bytes(1).unwrap_or_default().to_vec())),
        other => Err(NotAReply::Tag(other)),
    }
}

/// A signer's words, for an operator's terminal: short, and without control characters.
fn printable(words: &[u8]) -> String {
    const LONGEST: usize = 400;
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let words = String::from_utf8_lossy(words);
    words.chars().take(LONGEST).map(shown).collect()
}

fn key(body: &Fields<'_>) -> Result<Reply, NotAReply> {
    let old = match body.message(1)? {
        None => None,
        Some(key) => key.last_tag().map(|tag| {
            let bytes = key.bytes(tag).unwrap_or_default().to_vec();
            (old_type(tag).to_owned(), bytes)
        }),
    };
    let new = body.bytes(3).map(|bytes| {
        let kind = printable(body.bytes(4).unwrap_or_default());
        (kind, bytes.to_vec())
    });
    match (&old, &new) {
        (None, None) => Err(NotAReply::Hollow("a public key")),
        _ => Ok(Reply::PublicKey(KeyReply { old, new })),
    }
}

/// The type strings that the fields of `tendermint.crypto.PublicKey` stand for.
fn old_type(tag: u64) -> &'static str {
    match tag {
        1 => "ed25519",
        2 => "secp256k1",
        3 => "bls12_381",
        4 => "ml_dsa_65",
        5 => "secp256k1eth",
        _ => "unknown",
    }
}

fn signed(body: &Fields<'_>, proposal: bool, size: usize) -> Result<Reply, NotAReply> {
    let what = if proposal { "a proposal" } else { "a vote" };
    let signed = body.message(1)?.ok_or(NotAReply::Hollow(what))?;
    let (time, signature) = if proposal { (6, 7) } else { (5, 8) };
    let time = signed.message(time)?.map_or(Time::GO_ZERO, |time| Time {
        seconds: time.int(1),
        nanos: time.int(2),
    });
    let bytes = |tag| signed.bytes(tag).unwrap_or_default().to_vec();
    Ok(Reply::Signed(Signed {
        proposal,
        time,
        signature: bytes(signature),
        extension_signature: if proposal { Vec::new() } else { bytes(10) },
        size,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::consensus::PublicKey;
    use crate::reply::{RemoteError, Reply as Ours};
    use crate::request::Asked;

    fn frame(reply: &Ours) -> Vec<u8> {
        let mut out = Vec::new();
        codec::encode(reply, &mut out);
        let mut decoder = codec::frame::Decoder::default();
        decoder.push(&out);
        decoder.next_frame().unwrap().unwrap().to_vec()
    }

    #[test]
    fn our_own_replies_are_read() {
        assert_eq!(read(&frame(&Ours::Pong)), Ok(Reply::Pong));
        let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key();
        let reply = frame(&Ours::PublicKey(Ok(PublicKey::Ed25519(key.to_bytes()))));
        let form = Some(("ed25519".to_owned(), key.to_bytes().to_vec()));
        assert_eq!(
            read(&reply),
            Ok(Reply::PublicKey(KeyReply {
                old: form.clone(),
                new: form
            }))
        );
        for asked in [Asked::Vote, Asked::Proposal] {
            let error = RemoteError {
                code: 4,
                description: "no".to_owned(),
            };
            let refused = Reply::Refused {
                code: 4,
                words: "no".to_owned(),
            };
            assert_eq!(read(&frame(&Ours::Refused { asked, error })), Ok(refused));
        }
    }

    #[test]
    fn what_is_no_reply_is_told() {
        assert_eq!(read(&[]), Err(NotAReply::Empty));
        assert_eq!(read(&[0xff]), Err(NotAReply::Bytes(NotProtobuf)));
        assert_eq!(read(&ping()[1..]), Err(NotAReply::Tag(7)));
        assert_eq!(read(&[0x12, 0]), Err(NotAReply::Hollow("a public key")));
        assert_eq!(read(&[0x22, 0]), Err(NotAReply::Hollow("a vote")));
    }

    #[test]
    fn requests_are_what_the_codec_reads() {
        let decode = |bytes: &[u8]| codec::decode(bytes.split_first().unwrap().1).unwrap();
        assert_eq!(decode(&ping()), crate::request::Request::Ping);
        assert_eq!(
            decode(&public_key_request("harness-1")),
            crate::request::Request::PublicKey {
                chain_id: Ok("harness-1".parse().unwrap())
            }
        );
    }
}
