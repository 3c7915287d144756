//! The signer under examination: its key, the next free height, and how answers are judged.

use crate::consensus::PublicKey;
use crate::harness::probe::{Probe, Trouble};
use crate::harness::reply::{self, KeyReply, Reply, Signed};
use crate::harness::test_message::{PRECOMMIT, PREVOTE, PROPOSAL, TestMessage, Time};

use super::{CheckFailure, Settings};

/// The key types of CometBFT v0.34 to v1.0 with the lengths of their public keys in bytes (`crypto/*/`).
const TYPES: [(&str, usize); 5] = [
    ("ed25519", 32),
    ("secp256k1", 33),
    ("bls12_381", 96),
    ("ml_dsa_65", 1952),
    ("secp256k1eth", 33),
];

/// The public key that the signer gave.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its type.
    pub kind: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What verifies; `None` for types that this program cannot verify.
    verifier: Option<PublicKey>,
}

impl Key {
    /// The key of a reply, or what is wrong with it.
    pub fn of(reply: &KeyReply) -> Result<Self, String> {
        if let (Some(old), Some(new)) = (&reply.old, &reply.new)
            && old != new
        {
            return Err(
                "the two forms of the public key differ: nodes of v1.0 see another key than others"
                    .to_owned(),
            );
        }
        let (kind, bytes) = reply
            .old
            .clone()
            .or_else(|| reply.new.clone())
            .unwrap_or_default();
        match TYPES.iter().find(|(known, _)| *known == kind) {
            None => return Err(format!("`{kind}` is not a key type that nodes know")),
            Some((_, length)) if *length != bytes.len() => {
                return Err(format!(
                    "a key of type {kind} has {length} bytes, this one has {}",
                    bytes.len()
                ));
            }
            Some(_) => {}
        }
        let verifier = match PublicKey::from_bytes(&kind, &bytes) {
            Ok(key) => Some(key),
            Err(crate::consensus::key::PublicKeyError::Type(_)) => None,
            Err(error) => return Err(error.to_string()),
        };
        Ok(Self {
            kind,
            bytes,
            verifier,
        })
    }

    /// The validator's address, where it can be told.
    pub fn address(&self) -> Option<crate::consensus::ValidatorAddress> {
        self.verifier.as_ref().map(PublicKey::address)
    }

    /// Whether this program can verify signatures of this type.
    pub fn can_verify(&self) -> bool {
        self.verifier.is_some()
    }

    /// Whether the signature is this key's over these bytes; of types that cannot be verified any signature is taken.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let given = crate::consensus::Signature::from_bytes(signature.to_vec());
        match &self.verifier {
            Some(key) => key.verify(bytes, &given),
            None => !signature.is_empty(),
        }
    }
}

/// The signer and what is known of it.
pub struct SignerUnderTest {
    pub(in crate::harness) probe: Probe,
    settings: Settings,
    pub(super) key: Option<Key>,
    height: i64,
    begun: bool,
    /// Refusals that were expressed by ending the link.
    pub(super) dropped: Vec<String>,
    /// Refusals that were answers.
    pub(super) answered: u32,
}

impl SignerUnderTest {
    /// Nothing is known yet.
    pub fn new(probe: Probe, settings: Settings) -> Self {
        Self {
            probe,
            height: settings.height.saturating_sub(1),
            settings,
            key: None,
            begun: false,
            dropped: Vec::new(),
            answered: 0,
        }
    }

    /// What the operator wants.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The link.
    pub fn probe(&mut self) -> &mut Probe {
        &mut self.probe
    }

    /// The key, once it was asked.
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// A height that was never asked before.
    pub(in crate::harness) fn fresh_height(&mut self) -> i64 {
        self.height = self.height.saturating_add(1);
        self.height
    }

    /// A proposal or vote of round 0.
    pub fn ballot(&self, kind: i64, height: i64, block: Option<u8>) -> TestMessage {
        TestMessage {
            chain_id: self.settings.chain_id.clone(),
            kind,
            height,
            round: 0,
            pol_round: -1,
            block,
            time: Time {
                seconds: 1_700_000_000_i64.saturating_add(height % 1_000_000_000),
                nanos: 123_456_789,
            },
            extension: Vec::new(),
            skip: false,
        }
    }

    /// Learns the key and finds a height above the signer's watermark: the one that was set, or else one above
    /// a number that the refusal names, as those of all known signers do.
    pub(in crate::harness) fn begin(&mut self) -> Result<(), CheckFailure> {
        if self.begun {
            return Ok(());
        }
        if self.key.is_none() {
            self.ask_key().map_err(|flaw| match flaw {
                CheckFailure::Fail(_) => {
                    CheckFailure::NotApplicable("there is no public key to verify with".to_owned())
                }
                other => other,
            })?;
        }
        self.begun = true;
        let first = self.fresh_height();
        let mut heights = vec![first];
        while let Some(height) = heights.pop() {
            match self.ask(&self.ballot(PROPOSAL, height, Some(1))) {
                Ok(Reply::Signed(_)) => {
                    self.height = height;
                    return Ok(());
                }
                Ok(Reply::Refused { words, .. }) if height == first => {
                    heights = numbers_above(&words, first);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Asks for the public key and keeps it.
    pub(in crate::harness) fn ask_key(&mut self) -> Result<KeyReply, CheckFailure> {
        let request = reply::public_key_request(&self.settings.chain_id);
        match self.probe.ask(&request).map_err(flaw)? {
            Reply::PublicKey(reply) => {
                self.key = Some(Key::of(&reply).map_err(CheckFailure::Fail)?);
                Ok(reply)
            }
            Reply::Refused { words, .. } => Err(CheckFailure::Fail(format!(
                "no public key for chain {}: {words}",
                self.settings.chain_id
            ))),
            other => Err(unexpected("the public key", &other)),
        }
    }

    /// Asks for a signature.
    pub fn ask(&mut self, ballot: &TestMessage) -> Result<Reply, Trouble> {
        let request = self.request(ballot);
        self.probe.ask(&request)
    }

    /// The bytes of a request for a signature.
    pub fn request(&self, ballot: &TestMessage) -> Vec<u8> {
        let address = self.key.as_ref().and_then(Key::address);
        let address = address.map_or_else(|| vec![0; 20], |address| address.as_bytes().to_vec());
        ballot.request(&address)
    }

    /// Asks for a signature of something new, and judges it.
    pub(super) fn signed(&mut self, ballot: &TestMessage) -> Result<Signed, CheckFailure> {
        let reply = self.ask(ballot).map_err(flaw)?;
        self.judge(ballot, reply)
    }

    /// Whether the reply is the signature of exactly this.
    pub(in crate::harness) fn judge(
        &self,
        ballot: &TestMessage,
        reply: Reply,
    ) -> Result<Signed, CheckFailure> {
        let what = describe(ballot);
        let signed = match reply {
            Reply::Signed(signed) => signed,
            Reply::Refused { words, .. } => {
                return Err(CheckFailure::Fail(format!("{what} was refused: {words}")));
            }
            other => return Err(unexpected(&format!("the signature of {what}"), &other)),
        };
        if signed.proposal != (ballot.kind == PROPOSAL) {
            return Err(CheckFailure::Fail(format!(
                "{what} was answered with a reply of the other type"
            )));
        }
        if signed.time != ballot.time {
            return Err(CheckFailure::Fail(format!(
                "{what} was asked with time {} s and answered with {} s, although nothing was signed there before",
                ballot.time.seconds, signed.time.seconds
            )));
        }
        let Some(key) = &self.key else {
            return Err(CheckFailure::NotApplicable(
                "there is no public key to verify with".to_owned(),
            ));
        };
        if !key.verifies(&ballot.sign_bytes(signed.time), &signed.signature) {
            return Err(CheckFailure::Fail(format!(
                "the signature of {what} does not verify"
            )));
        }
        Ok(signed)
    }

    /// Asks for what must not be signed. Ending the link counts as a refusal here, and against the check `in-band`.
    pub(super) fn refused(&mut self, ballot: &TestMessage, what: &str) -> Result<(), CheckFailure> {
        match self.ask(ballot) {
            Ok(Reply::Refused { .. }) => {
                self.answered = self.answered.saturating_add(1);
                Ok(())
            }
            Ok(Reply::Signed(signed)) => {
                let bytes = ballot.sign_bytes(signed.time);
                let truly = self
                    .key
                    .as_ref()
                    .is_some_and(|key| key.can_verify() && key.verifies(&bytes, &signed.signature));
                Err(CheckFailure::Fail(match truly {
                    true => format!("{what} was SIGNED"),
                    false => format!(
                        "{what} was answered with a signature of something else instead of an error"
                    ),
                }))
            }
            Ok(other) => Err(unexpected("a refusal", &other)),
            Err(trouble @ Trouble::Nobody { .. }) => Err(CheckFailure::Gone(trouble.to_string())),
            Err(trouble) => {
                self.dropped.push(format!("{what}: {trouble}"));
                Ok(())
            }
        }
    }
}

/// Trouble as a verdict.
pub(in crate::harness) fn flaw(trouble: Trouble) -> CheckFailure {
    match trouble {
        Trouble::Nobody { .. } => CheckFailure::Gone(trouble.to_string()),
        other => CheckFailure::Fail(other.to_string()),
    }
}

pub(super) fn unexpected(wanted: &str, found: &Reply) -> CheckFailure {
    let found = match found {
        Reply::Pong => "a ping's answer".to_owned(),
        Reply::PublicKey(_) => "a public key".to_owned(),
        Reply::Signed(signed) if signed.proposal => "a signed proposal".to_owned(),
        Reply::Signed(_) => "a signed vote".to_owned(),
        Reply::RawSigned(_) => "a signature of raw bytes".to_owned(),
        Reply::Refused { words, .. } => format!("an error: {words}"),
    };
    CheckFailure::Fail(format!("instead of {wanted} came {found}"))
}

/// `a prevote for nil at 7/0`.
pub(super) fn describe(ballot: &TestMessage) -> String {
    let kind = match ballot.kind {
        PROPOSAL => "proposal".to_owned(),
        PREVOTE => "prevote".to_owned(),
        PRECOMMIT => "precommit".to_owned(),
        other => format!("vote of type {other}"),
    };
    let nil = if ballot.block.is_none() {
        " for nil"
    } else {
        ""
    };
    format!("a {kind}{nil} at {}/{}", ballot.height, ballot.round)
}

/// The heights after those that a refusal names, the lowest last; at most four.
fn numbers_above(words: &str, asked: i64) -> Vec<i64> {
    let mut numbers: Vec<i64> = words
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .filter(|number| (asked..1 << 53).contains(number))
        .map(|number: i64| number.saturating_add(1))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.truncate(4);
    numbers.reverse();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_found_in_refusals_of_all_makes() {
        for (words, wanted) in [
            (
                "height regression: 1/0/proposal asked, 31/0/precommit was signed",
                32,
            ),
            ("height regression. Got 1, last height 50", 51),
            ("no numbers", 0),
        ] {
            let found = numbers_above(words, 1);
            assert_eq!(
                found
                    .iter()
                    .find(|height| **height > 2)
                    .copied()
                    .unwrap_or(0),
                wanted,
                "{words}: {found:?}"
            );
        }
    }

    #[test]
    fn keys_are_judged() {
        let form = |kind: &str, length| Some((kind.to_owned(), vec![1; length]));
        let of = |old, new| Key::of(&KeyReply { old, new });
        assert!(of(form("ed25519", 31), None).unwrap_err().contains("31"));
        assert!(
            of(form("sr25519", 32), None)
                .unwrap_err()
                .contains("sr25519")
        );
        let differ = of(form("ed25519", 32), form("secp256k1", 33));
        assert!(differ.unwrap_err().contains("differ"));
    }
}
