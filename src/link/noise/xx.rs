//! The three messages of Noise's pattern XX: `e`, then `e, ee, s, es`, then `s, se`; each with a payload.

use curve25519_dalek::montgomery::MontgomeryPoint;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::symmetric::{CipherError, NoiseCipher, Symmetric, TAG};

/// A public key of X25519, in bytes.
const KEY: usize = 32;

/// Why a message is not the next one of the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum XxError {
    /// Shorter than the keys that have to be in it.
    Short,
    /// One of the peer's keys makes the secret public.
    LowOrder,
    /// Changed, or of another handshake.
    Forged,
}

impl From<CipherError> for XxError {
    /// A handshake has a few counters and runs out of none.
    fn from(_: CipherError) -> Self {
        Self::Forged
    }
}

/// A key pair of X25519, for one handshake.
pub(super) struct KeyPair {
    secret: Zeroizing<[u8; 32]>,
    pub(super) public: [u8; 32],
}

impl KeyPair {
    /// Of 32 random bytes.
    pub(super) fn new(random: Zeroizing<[u8; 32]>) -> Self {
        Self {
            public: MontgomeryPoint::mul_base_clamped(*random).to_bytes(),
            secret: random,
        }
    }

    /// The secret that both sides have; refused where any third one has it, too.
    fn agree(&self, theirs: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, XxError> {
        let shared = MontgomeryPoint(*theirs).mul_clamped(*self.secret);
        let shared = Zeroizing::new(shared.to_bytes());
        match bool::from(shared.ct_eq(&[0; 32])) {
            true => Err(XxError::LowOrder),
            false => Ok(shared),
        }
    }
}

/// Keys for one direction each.
pub(super) struct Ciphers {
    /// What the initiator sends.
    pub(super) from_initiator: NoiseCipher,
    /// What the responder sends.
    pub(super) from_responder: NoiseCipher,
}

impl Ciphers {
    fn of(symmetric: Symmetric) -> Self {
        let (from_initiator, from_responder) = symmetric.split();
        Self {
            from_initiator,
            from_responder,
        }
    }
}

fn key_at(message: &[u8]) -> Result<([u8; KEY], &[u8]), XxError> {
    message
        .split_first_chunk()
        .map(|(key, rest)| (*key, rest))
        .ok_or(XxError::Short)
}

/// The peer's static key, which is sealed, and what is behind it.
fn sealed_key<'a>(
    symmetric: &mut Symmetric,
    message: &'a [u8],
) -> Result<([u8; KEY], &'a [u8]), XxError> {
    let (sealed, rest) = message.split_at_checked(KEY + TAG).ok_or(XxError::Short)?;
    let key = symmetric.decrypt_and_hash(sealed)?;
    Ok((key.try_into().map_err(|_| XxError::Short)?, rest))
}

/// The initiator, who has sent the first message.
pub(super) struct Initiator {
    symmetric: Symmetric,
    ephemeral: KeyPair,
}

impl Initiator {
    pub(super) fn start(
        prologue: &[u8],
        ephemeral: KeyPair,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Self, XxError> {
        let mut symmetric = Symmetric::new(prologue);
        symmetric.mix_hash(&ephemeral.public);
        out.extend_from_slice(&ephemeral.public);
        symmetric.encrypt_and_hash(payload, out)?;
        Ok(Self {
            symmetric,
            ephemeral,
        })
    }

    /// Reads the second message; gives its payload and the responder's static key.
    pub(super) fn answered(
        mut self,
        message: &[u8],
    ) -> Result<(InitiatorAnswered, [u8; KEY], Vec<u8>), XxError> {
        let (ephemeral, rest) = key_at(message)?;
        self.symmetric.mix_hash(&ephemeral);
        self.symmetric.mix_key(&*self.ephemeral.agree(&ephemeral)?);
        let (theirs, rest) = sealed_key(&mut self.symmetric, rest)?;
        self.symmetric.mix_key(&*self.ephemeral.agree(&theirs)?);
        if rest.len() < TAG {
            return Err(XxError::Short);
        }
        let payload = self.symmetric.decrypt_and_hash(rest)?;
        let answered = InitiatorAnswered {
            symmetric: self.symmetric,
            theirs: ephemeral,
        };
        Ok((answered, theirs, payload))
    }
}

/// The initiator, who knows the responder and has not said who he is.
pub(super) struct InitiatorAnswered {
    symmetric: Symmetric,
    /// The responder's ephemeral key.
    theirs: [u8; KEY],
}

impl InitiatorAnswered {
    pub(super) fn finish(
        mut self,
        own: &KeyPair,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Ciphers, XxError> {
        self.symmetric.encrypt_and_hash(&own.public, out)?;
        self.symmetric.mix_key(&*own.agree(&self.theirs)?);
        self.symmetric.encrypt_and_hash(payload, out)?;
        Ok(Ciphers::of(self.symmetric))
    }
}

/// The responder, who has sent the second message.
pub(super) struct Responder {
    symmetric: Symmetric,
    ephemeral: KeyPair,
}

impl Responder {
    /// Reads the first message and writes the second.
    pub(super) fn answer(
        prologue: &[u8],
        message: &[u8],
        ephemeral: KeyPair,
        own: &KeyPair,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Self, XxError> {
        let mut symmetric = Symmetric::new(prologue);
        let (theirs, rest) = key_at(message)?;
        symmetric.mix_hash(&theirs);
        symmetric.decrypt_and_hash(rest)?;
        symmetric.mix_hash(&ephemeral.public);
        out.extend_from_slice(&ephemeral.public);
        symmetric.mix_key(&*ephemeral.agree(&theirs)?);
        symmetric.encrypt_and_hash(&own.public, out)?;
        symmetric.mix_key(&*own.agree(&theirs)?);
        symmetric.encrypt_and_hash(payload, out)?;
        Ok(Self {
            symmetric,
            ephemeral,
        })
    }

    /// Reads the third message; gives the initiator's static key and the payload.
    pub(super) fn finish(
        mut self,
        message: &[u8],
    ) -> Result<(Ciphers, [u8; KEY], Vec<u8>), XxError> {
        let (theirs, rest) = sealed_key(&mut self.symmetric, message)?;
        self.symmetric.mix_key(&*self.ephemeral.agree(&theirs)?);
        if rest.len() < TAG {
            return Err(XxError::Short);
        }
        let payload = self.symmetric.decrypt_and_hash(rest)?;
        Ok((Ciphers::of(self.symmetric), theirs, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn bytes(text: &str) -> Vec<u8> {
        subtle_encoding::hex::decode(text).unwrap()
    }

    fn pair(text: &str) -> KeyPair {
        KeyPair::new(Zeroizing::new(bytes(text).try_into().unwrap()))
    }

    /// `vectors.txt` has those of flynn/noise v1.1.0 (what nodes are built with), cacophony and snow 0.10, as lines
    /// `name=value`; `messages` has payload and ciphertext in turn, the initiator's first.
    #[test]
    fn known_answers() {
        let mut count = 0;
        for vector in include_str!("vectors.txt").split("\n\n") {
            let lines = vector.lines().filter(|line| !line.starts_with('#'));
            let of: BTreeMap<&str, &str> = lines.filter_map(|line| line.split_once('=')).collect();
            let prologue = bytes(of["prologue"]);
            let messages: Vec<_> = of["messages"].split(',').map(bytes).collect();
            let mut messages = messages.chunks(2).map(|two| (&two[0], &two[1]));
            let (init_e, init_s) = (pair(of["init_ephemeral"]), pair(of["init_static"]));
            let (resp_e, resp_s) = (pair(of["resp_ephemeral"]), pair(of["resp_static"]));

            let (payload, wire) = messages.next().unwrap();
            let mut out = Vec::new();
            let initiator = Initiator::start(&prologue, init_e, payload, &mut out).unwrap();
            assert_eq!(&out, wire);

            let (payload, wire) = messages.next().unwrap();
            let (first, mut out) = (out, Vec::new());
            let responder =
                Responder::answer(&prologue, &first, resp_e, &resp_s, payload, &mut out).unwrap();
            assert_eq!(&out, wire);
            let (initiator, theirs, found) = initiator.answered(&out).unwrap();
            assert_eq!((theirs, &found), (resp_s.public, payload));

            let (payload, wire) = messages.next().unwrap();
            let mut out = Vec::new();
            let mut ours = initiator.finish(&init_s, payload, &mut out).unwrap();
            assert_eq!(&out, wire);
            let (mut theirs, key, found) = responder.finish(&out).unwrap();
            assert_eq!((key, &found), (init_s.public, payload));

            for (at, (payload, wire)) in messages.enumerate() {
                let (from, to) = match (at % 2 == 0) != of.contains_key("initiator_goes_on") {
                    true => (&mut theirs.from_responder, &mut ours.from_responder),
                    false => (&mut ours.from_initiator, &mut theirs.from_initiator),
                };
                let mut out = payload.clone();
                from.seal(&[], &mut out, 0).unwrap();
                assert_eq!(&out, wire);
                assert_eq!(to.open(&[], &mut out).unwrap(), payload);
            }
            count += 1;
        }
        assert_eq!(count, 4);
    }
}
