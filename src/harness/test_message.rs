//! One proposal or vote as the harness asks it, and the bytes that its signature must cover.
//!
//! Written a second time beside `consensus::sign_bytes`, so that an error there is found here. Format: `CanonicalizeVote`,
//! `CanonicalizeProposal` and `CanonicalizeVoteExtension` of CometBFT's `types/canonical.go`, and the request messages
//! of `privval/types.proto` (the same on the wire from v0.34 to v1.0).

use super::protobuf::Writer;

/// `SIGNED_MSG_TYPE_PREVOTE`.
pub const PREVOTE: i64 = 1;
/// `SIGNED_MSG_TYPE_PRECOMMIT`.
pub const PRECOMMIT: i64 = 2;
/// `SIGNED_MSG_TYPE_PROPOSAL`.
pub const PROPOSAL: i64 = 32;

/// Seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds, from 0 to 999,999,999.
    pub nanos: i64,
}

impl Time {
    /// What an absent time means to Go.
    pub const GO_ZERO: Time = Time {
        seconds: -62_135_596_800,
        nanos: 0,
    };

    fn write(self) -> Writer {
        let mut time = Writer::default();
        time.int(1, self.seconds).int(2, self.nanos);
        time
    }
}

/// What is asked. Plain numbers, because the harness also asks what no node would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestMessage {
    /// The chain.
    pub chain_id: String,
    /// [`PROPOSAL`], [`PREVOTE`], [`PRECOMMIT`], or what no node sends.
    pub kind: i64,
    /// The height.
    pub height: i64,
    /// The round.
    pub round: i64,
    /// The round of a proposal's earlier majority, −1 for none; votes have none.
    pub pol_round: i64,
    /// The block's hash in all 32 bytes; `None` is nil.
    pub block: Option<u8>,
    /// The node's time.
    pub time: Time,
    /// The vote extension.
    pub extension: Vec<u8>,
    /// `skip_extension_signing` of v1.0.
    pub skip: bool,
}

impl TestMessage {
    /// The request of a node with this validator address, with its length before it.
    pub fn request(&self, address: &[u8]) -> Vec<u8> {
        let mut body = Writer::default();
        body.int(1, self.kind)
            .int(2, self.height)
            .int(3, self.round);
        let (block, time) = (self.block_id(), self.time.write());
        let mut request = Writer::default();
        let mut envelope = Writer::default();
        if self.kind == PROPOSAL {
            body.int(4, self.pol_round)
                .message(5, &block)
                .message(6, &time);
            request.message(1, &body).bytes(2, self.chain_id.as_bytes());
            envelope.message(5, &request);
        } else {
            body.message(4, &block).message(5, &time).bytes(6, address);
            body.bytes(9, &self.extension);
            request
                .message(1, &body)
                .bytes(2, self.chain_id.as_bytes())
                .int(3, self.skip.into());
            envelope.message(3, &request);
        }
        envelope.delimited()
    }

    /// The bytes that a signature with this time covers.
    pub fn sign_bytes(&self, time: Time) -> Vec<u8> {
        let mut canonical = Writer::default();
        canonical.int(1, self.kind);
        canonical.sfixed64(2, self.height).sfixed64(3, self.round);
        // One field number more in a proposal, for pol_round.
        let shift = u64::from(self.kind == PROPOSAL);
        if self.kind == PROPOSAL {
            canonical.int(4, self.pol_round);
        }
        if self.block.is_some() {
            canonical.message(4 + shift, &self.block_id());
        }
        canonical.message(5 + shift, &time.write());
        canonical.bytes(6 + shift, self.chain_id.as_bytes());
        canonical.delimited()
    }

    /// The bytes that the extension's signature covers.
    pub fn extension_bytes(&self) -> Vec<u8> {
        let mut canonical = Writer::default();
        canonical.bytes(1, &self.extension);
        canonical.sfixed64(2, self.height).sfixed64(3, self.round);
        canonical.bytes(4, self.chain_id.as_bytes());
        canonical.delimited()
    }

    /// The same in a request and in canonical form, but that the latter has none for nil.
    fn block_id(&self) -> Writer {
        let (mut parts, mut block) = (Writer::default(), Writer::default());
        if let Some(tag) = self.block {
            parts.int(1, 1).bytes(2, &[tag.wrapping_add(1); 32]);
            block.bytes(1, &[tag; 32]);
        }
        block.message(2, &parts);
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Decoder;
    use crate::request::{Request, SignRequest};

    fn ballot(kind: i64, round: i64, block: Option<u8>) -> TestMessage {
        TestMessage {
            chain_id: "harness-1".to_owned(),
            kind,
            height: 77,
            round,
            // All of -1, 0 and above, which are encoded in three ways.
            pol_round: round - 1,
            block,
            time: Time {
                seconds: 1_700_000_000,
                nanos: 5,
            },
            extension: Vec::new(),
            skip: false,
        }
    }

    fn decoded(ballot: &TestMessage) -> SignRequest {
        let mut decoder = Decoder::default();
        decoder.push(&ballot.request(&[9; 20]));
        match crate::codec::decode(decoder.next_frame().unwrap().unwrap()) {
            Ok(Request::Sign(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn two_encoders_agree() {
        for kind in [PROPOSAL, PREVOTE, PRECOMMIT] {
            for (round, block) in [(0, Some(7)), (1, Some(7)), (3, Some(255)), (0, None)] {
                if kind == PROPOSAL && block.is_none() {
                    continue;
                }
                let mut ballot = ballot(kind, round, block);
                if kind == PRECOMMIT && block.is_some() {
                    ballot.extension = vec![3; 300];
                }
                let request = decoded(&ballot);
                assert_eq!(
                    request.sign_bytes().as_slice(),
                    ballot.sign_bytes(ballot.time)
                );
                if let Some((height, round, extension)) = request.extension() {
                    let theirs = crate::consensus::SignBytes::extension(
                        &request.chain_id,
                        height,
                        round,
                        &extension.data,
                    );
                    assert_eq!(theirs.as_slice(), ballot.extension_bytes());
                }
            }
        }
    }

    #[test]
    fn skip_and_odd_types_reach_the_wire() {
        let mut skip = ballot(PRECOMMIT, 0, Some(1));
        skip.skip = true;
        assert!(decoded(&skip).extension().unwrap().2.skip);
        let mut decoder = Decoder::default();
        decoder.push(&ballot(3, 0, Some(1)).request(&[]));
        let frame = decoder.next_frame().unwrap().unwrap();
        assert!(matches!(
            crate::codec::decode(frame),
            Ok(Request::Invalid(_))
        ));
    }

    #[test]
    fn a_vector_of_cometbft_is_met() {
        // `TestVoteSignBytesTestVectors` of CometBFT's types/vote_test.go: precommit, height 1, round 1, nil, Go's
        // zero time, no chain id.
        let vote = TestMessage {
            chain_id: String::new(),
            kind: PRECOMMIT,
            height: 1,
            round: 1,
            pol_round: -1,
            block: None,
            time: Time::GO_ZERO,
            extension: Vec::new(),
            skip: false,
        };
        let wanted = [
            0x21, 0x8, 0x2, 0x11, 0x1, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x19, 0x1, 0x0, 0x0, 0x0,
            0x0, 0x0, 0x0, 0x0, 0x2a, 0xb, 0x8, 0x80, 0x92, 0xb8, 0xc3, 0x98, 0xfe, 0xff, 0xff,
            0xff, 0x1,
        ];
        assert_eq!(vote.sign_bytes(vote.time), wanted);
    }
}
