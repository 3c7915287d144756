//! Raw bytes: signatures of what is not a consensus message, for nodes that the operator allowed to ask (W12).
//!
//! Off unless configured. What is signed can never be read as a vote, proposal or extension of any chain, so the watermark
//! has no part in it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::consensus::{ChainId, SignBytes};
use crate::request::RawRequest;
use crate::text::excerpt::Excerpt;

use super::permit::Permit;

/// What Celestia's nodes have signed begins with this, which no consensus message does.
///
/// Source: `types/signable.go` (`RawBytesMessageSignBytes`) of celestia-core.
pub const CELESTIA_PREFIX: &[u8] = b"COMET::RAW_BYTES::SIGN";

/// The longest raw bytes that are signed where the configuration sets no `max_bytes`, in bytes.
pub const DEFAULT_MAX_BYTES: usize = 64 * 1024;

/// `raw_bytes` of a `[[chain]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawPolicy {
    /// How nodes ask.
    pub dialect: Dialect,
    /// The longest raw bytes, in bytes.
    pub max_bytes: usize,
}

/// How nodes ask for signatures of raw bytes. Both forms have one tag on the wire, so the operator has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// v1.0's `SignBytesRequest`: the bytes are signed as they are.
    CometbftV1,
    /// Celestia's `SignRawBytesRequest`: behind a prefix, with the chain id and the name of their purpose.
    Celestia {
        /// The purposes that are allowed, as `unique_id`.
        ids: BTreeSet<String>,
    },
}

/// Why raw bytes are not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RawRefused {
    /// Nothing was configured.
    #[error("this signer was not told to sign any")]
    NotAllowed,
    /// They have no height, so no key of several is that of theirs (W23).
    #[error("they have no height, and this chain has several keys, each for its own heights")]
    SeveralKeys,
    /// They are a consensus message in disguise.
    #[error(
        "they are the sign bytes of a vote, proposal or extension; the node that asks is broken into or mistaken"
    )]
    ConsensusMessage,
    /// Too many.
    #[error("they are {got} bytes, and `max_bytes` of this [[chain]] allows {max}")]
    TooLong {
        /// How many were sent.
        got: usize,
        /// How many are allowed.
        max: usize,
    },
    /// Nothing to sign.
    #[error("there are none in the request")]
    Empty,
    /// The fields are those of the other dialect.
    #[error("the request is not in the dialect {0} that `raw_bytes` of this [[chain]] names")]
    Dialect(&'static str),
    /// Of another chain.
    #[error(
        "the node asked for chain {asked}, but this link is configured for chain `{configured}`"
    )]
    WrongChain {
        /// The chain that the node named.
        asked: Excerpt,
        /// The chain of the link.
        configured: ChainId,
    },
    /// For a purpose that was not allowed.
    #[error("the purpose {0} is not among the `ids` of `raw_bytes` of this [[chain]]")]
    UnknownId(Excerpt),
}

/// What a self-test of a device has signed begins with this: no consensus message does, and nobody can take it for
/// anything else.
pub const SELF_TEST_PREFIX: &str = "tmkms self-test, no message of any chain: ";

/// Leave to sign a text that means nothing, to see whether a device works: the prefix and a number, filled up with dots
/// to `length` bytes. `None` where it would be a consensus message, which it never is.
pub fn self_test(number: u64, length: usize, until: Duration) -> Option<Permit> {
    let mut bytes = format!("{SELF_TEST_PREFIX}{number} ").into_bytes();
    bytes.resize(length.max(bytes.len()), b'.');
    SignBytes::raw(bytes).map(|bytes| Permit::new(bytes, until))
}

impl RawPolicy {
    /// Leave to sign, or why not. `until` is the reading of the monotonic clock up to which a device may work on it.
    pub fn admit(
        &self,
        chain_id: &ChainId,
        request: &RawRequest,
        until: Duration,
    ) -> Result<Permit, RawRefused> {
        let bytes = match &self.dialect {
            Dialect::CometbftV1 => self.of_v1(request)?,
            Dialect::Celestia { ids } => self.of_celestia(chain_id, ids, request)?,
        };
        SignBytes::raw(bytes)
            .map(|bytes| Permit::new(bytes, until))
            .ok_or(RawRefused::ConsensusMessage)
    }

    /// Leave to sign bytes that another host asks for, as its node's request became them there: within the same policy.
    pub fn admit_bytes(
        &self,
        chain_id: &ChainId,
        bytes: Vec<u8>,
        until: Duration,
    ) -> Result<Permit, RawRefused> {
        let request = match &self.dialect {
            Dialect::CometbftV1 => RawRequest {
                first: bytes.clone(),
                ..RawRequest::default()
            },
            Dialect::Celestia { .. } => bytes
                .strip_prefix(CELESTIA_PREFIX)
                .and_then(RawRequest::from_delimited)
                .ok_or(RawRefused::Dialect("celestia"))?,
        };
        let permit = self.admit(chain_id, &request, until)?;
        // What is signed is what was asked for, to the byte.
        match permit.bytes() == bytes {
            true => Ok(permit),
            false => Err(RawRefused::NotAllowed),
        }
    }

    fn of_v1(&self, request: &RawRequest) -> Result<Vec<u8>, RawRefused> {
        if !request.second.is_empty() || !request.third.is_empty() {
            return Err(RawRefused::Dialect("cometbft-v1"));
        }
        self.bounded(&request.first)?;
        Ok(request.first.clone())
    }

    fn of_celestia(
        &self,
        chain_id: &ChainId,
        ids: &BTreeSet<String>,
        request: &RawRequest,
    ) -> Result<Vec<u8>, RawRefused> {
        if request.second.is_empty() && request.third.is_empty() && !request.first.is_empty() {
            return Err(RawRefused::Dialect("celestia"));
        }
        if request.first != chain_id.as_str().as_bytes() {
            return Err(RawRefused::WrongChain {
                asked: Excerpt::of(&request.first),
                configured: chain_id.clone(),
            });
        }
        let is_allowed = |id: &String| id.as_bytes() == request.third;
        if !ids.iter().any(is_allowed) {
            return Err(RawRefused::UnknownId(Excerpt::of(&request.third)));
        }
        self.bounded(&request.second)?;
        let mut bytes = CELESTIA_PREFIX.to_vec();
        bytes.extend_from_slice(&request.delimited());
        Ok(bytes)
    }

    fn bounded(&self, bytes: &[u8]) -> Result<(), RawRefused> {
        match bytes.len() {
            0 => Err(RawRefused::Empty),
            got if got > self.max_bytes => Err(RawRefused::TooLong {
                got,
                max: self.max_bytes,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Height, Prevote, Round, Timestamp};

    fn chain() -> ChainId {
        "test-1".parse().unwrap()
    }

    fn v1(max_bytes: usize) -> RawPolicy {
        RawPolicy {
            dialect: Dialect::CometbftV1,
            max_bytes,
        }
    }

    fn celestia() -> RawPolicy {
        RawPolicy {
            dialect: Dialect::Celestia {
                ids: ["fibre".to_owned()].into(),
            },
            max_bytes: 100,
        }
    }

    fn request(first: &[u8], second: &[u8], third: &[u8]) -> RawRequest {
        RawRequest {
            first: first.to_vec(),
            second: second.to_vec(),
            third: third.to_vec(),
        }
    }

    fn admitted(policy: &RawPolicy, request: &RawRequest) -> Result<Vec<u8>, RawRefused> {
        policy
            .admit(&chain(), request, Duration::MAX)
            .map(|permit| permit.bytes().to_vec())
    }

    #[test]
    fn a_vote_in_disguise_is_refused_whatever_its_chain() {
        for id in ["test-1", "another-chain"] {
            let vote = Prevote {
                height: Height::new(8).unwrap(),
                round: Round::new(1).unwrap(),
                block: None,
                timestamp: Timestamp {
                    seconds: 5,
                    nanos: 0,
                },
            };
            let id: ChainId = id.parse().unwrap();
            let bytes = SignBytes::prevote(&id, &vote);
            let extension = SignBytes::extension(&id, vote.height, vote.round, b"x");
            for bytes in [bytes, extension] {
                assert_eq!(
                    admitted(&v1(1_000), &request(bytes.as_slice(), b"", b"")),
                    Err(RawRefused::ConsensusMessage)
                );
            }
        }
        assert_eq!(
            admitted(&v1(1_000), &request(b"plain", b"", b"")),
            Ok(b"plain".to_vec())
        );
    }

    #[test]
    fn length_and_dialect_are_bounds() {
        assert_eq!(
            admitted(&v1(4), &request(b"plain", b"", b"")),
            Err(RawRefused::TooLong { got: 5, max: 4 })
        );
        assert_eq!(
            admitted(&v1(4), &request(b"", b"", b"")),
            Err(RawRefused::Empty)
        );
        assert!(matches!(
            admitted(&v1(100), &request(b"test-1", b"x", b"fibre")),
            Err(RawRefused::Dialect(_))
        ));
        assert!(matches!(
            admitted(&celestia(), &request(b"plain", b"", b"")),
            Err(RawRefused::Dialect(_))
        ));
        assert!(matches!(
            admitted(&celestia(), &request(b"test-1", &[7; 101], b"fibre")),
            Err(RawRefused::TooLong { .. })
        ));
    }

    #[test]
    fn celestia_signs_behind_a_prefix_for_known_purposes() {
        // Field 1 `test-1`, field 2 01 02 03, field 3 `fibre`, all of it 20 bytes long: encoded by hand.
        let wanted = [
            &b"COMET::RAW_BYTES::SIGN\x14"[..],
            b"\x0a\x06test-1\x12\x03\x01\x02\x03\x1a\x05fibre",
        ]
        .concat();
        assert_eq!(
            admitted(&celestia(), &request(b"test-1", &[1, 2, 3], b"fibre")),
            Ok(wanted)
        );
        assert_eq!(
            admitted(&celestia(), &request(b"test-1", &[1], b"other")),
            Err(RawRefused::UnknownId(Excerpt::of(b"other")))
        );
        assert!(matches!(
            admitted(&celestia(), &request(b"test-2", &[1], b"fibre")),
            Err(RawRefused::WrongChain { .. })
        ));
    }
}
