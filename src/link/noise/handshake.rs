//! The handshake of noise links: Noise's pattern XX with libp2p's proofs of identity, as typed states.
//!
//! We dial: [`NoiseDialled`] has sent the first message, [`NoiseMet`] knows the node and has not said who we are,
//! [`NoiseKeys`] is done. The node's side: [`NoiseAnswered`], then the same keys. Messages come without their length.

use zeroize::Zeroizing;

use super::frames::{NoiseOpener, NoiseSealer, PREFIX, put_length};
use super::payload::{NotAProof, prove, proven};
use super::peer_id::{Libp2pId, NotALibp2pKey};
use super::xx::{Initiator, InitiatorAnswered, KeyPair, Responder, XxError};
use crate::link::identity::IdentityKey;

/// The first message with its length, in bytes: a key and nothing else.
pub const HELLO_FRAME: usize = PREFIX + 32;

/// The longest message of a handshake that is read, in bytes. One with an Ed25519 key has 200.
pub const LONGEST_MESSAGE: usize = 4096;

/// Why a handshake failed. The link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoiseError {
    /// A message that is longer than any.
    #[error("a message of {0} bytes was announced, and 4096 is the most that is accepted")]
    Long(usize),
    /// A message that ends within its keys.
    #[error("a message of the handshake was cut, or it is none of a noise link")]
    Short,
    /// A key that makes the secret public.
    #[error("one of the peer's keys is of low order")]
    LowOrder,
    /// The message was changed, or belongs to another handshake.
    #[error(
        "a message does not authenticate: it was changed on the way, or it is none of a noise link"
    )]
    Forged,
    /// The proof cannot be decoded.
    #[error("the peer's proof of identity cannot be decoded")]
    NotAProof,
    /// The proof's key.
    #[error("the peer's identity key cannot be used: {0}")]
    Key(NotALibp2pKey),
    /// The proof's signature.
    #[error("the peer's proof of identity is wrong: somebody may be in between")]
    Signature,
}

impl From<XxError> for NoiseError {
    fn from(error: XxError) -> Self {
        match error {
            XxError::Short => Self::Short,
            XxError::LowOrder => Self::LowOrder,
            XxError::Forged => Self::Forged,
        }
    }
}

impl From<NotAProof> for NoiseError {
    fn from(error: NotAProof) -> Self {
        match error {
            NotAProof::Payload => Self::NotAProof,
            NotAProof::Key(error) => Self::Key(error),
            NotAProof::Signature => Self::Signature,
        }
    }
}

/// Random bytes for the keys of one handshake: the ephemeral one and the static one, which is as short-lived here.
pub type NoiseRandom = [Zeroizing<[u8; 32]>; 2];

/// What a message is announced to have, in bytes.
///
/// # Errors
/// [`NoiseError::Long`].
pub fn announced(length: [u8; PREFIX]) -> Result<usize, NoiseError> {
    match usize::from(u16::from_be_bytes(length)) {
        length if length > LONGEST_MESSAGE => Err(NoiseError::Long(length)),
        length => Ok(length),
    }
}

/// Appends a message behind its length.
fn framed<T>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<T, XxError>,
) -> Result<T, NoiseError> {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    let done = write(out)?;
    // Ours are far shorter than a length can say.
    put_length(out, start).map_err(|_| NoiseError::Long(out.len()))?;
    Ok(done)
}

/// We have dialled and sent the first message.
pub struct NoiseDialled {
    initiator: Initiator,
    own: KeyPair,
}

impl NoiseDialled {
    /// Appends the first message to `out`.
    ///
    /// # Errors
    /// None that happens: the first message has nothing to fail.
    pub fn start(random: NoiseRandom, out: &mut Vec<u8>) -> Result<Self, NoiseError> {
        let [ephemeral, own] = random.map(KeyPair::new);
        let initiator = framed(out, |out| Initiator::start(&[], ephemeral, &[], out))?;
        Ok(Self { initiator, own })
    }

    /// Takes the node's answer.
    ///
    /// # Errors
    /// It is none, or proves nobody.
    pub fn answered(self, message: &[u8]) -> Result<NoiseMet, NoiseError> {
        let (answered, noise_key, payload) = self.initiator.answered(message)?;
        Ok(NoiseMet {
            peer: proven(&payload, &noise_key)?,
            answered,
            own: self.own,
        })
    }
}

/// We know who the node is. Whether it is the right one is to be decided before it learns who we are.
pub struct NoiseMet {
    /// The node.
    pub peer: Libp2pId,
    answered: InitiatorAnswered,
    own: KeyPair,
}

impl NoiseMet {
    /// Appends the last message, with our proof of identity.
    ///
    /// # Errors
    /// The node's ephemeral key is of low order.
    pub fn finish(
        self,
        identity: &IdentityKey,
        out: &mut Vec<u8>,
    ) -> Result<NoiseKeys, NoiseError> {
        let proof = prove(identity, &self.own.public);
        let finish = |out: &mut Vec<u8>| self.answered.finish(&self.own, &proof, out);
        let ciphers = framed(out, finish)?;
        Ok(NoiseKeys {
            sealer: NoiseSealer::of_signer(ciphers.from_initiator),
            opener: NoiseOpener::new(ciphers.from_responder),
            peer: self.peer,
        })
    }
}

/// The node's side has sent its answer.
pub struct NoiseAnswered(Responder);

impl NoiseAnswered {
    /// Takes the dialler's first message and appends the answer.
    ///
    /// # Errors
    /// It is none.
    pub fn answer(
        message: &[u8],
        random: NoiseRandom,
        identity: &IdentityKey,
        out: &mut Vec<u8>,
    ) -> Result<Self, NoiseError> {
        let [ephemeral, own] = random.map(KeyPair::new);
        let proof = prove(identity, &own.public);
        let answer =
            |out: &mut Vec<u8>| Responder::answer(&[], message, ephemeral, &own, &proof, out);
        Ok(Self(framed(out, answer)?))
    }

    /// Takes the dialler's last message.
    ///
    /// # Errors
    /// It is none, or proves nobody.
    pub fn finish(self, message: &[u8]) -> Result<NoiseKeys, NoiseError> {
        let (ciphers, noise_key, payload) = self.0.finish(message)?;
        Ok(NoiseKeys {
            peer: proven(&payload, &noise_key)?,
            sealer: NoiseSealer::of_node(ciphers.from_responder),
            opener: NoiseOpener::new(ciphers.from_initiator),
        })
    }
}

/// Both sides have proved who they are.
pub struct NoiseKeys {
    /// Seals what we send.
    pub sealer: NoiseSealer,
    /// Opens what we receive.
    pub opener: NoiseOpener,
    /// Who the other side is.
    pub peer: Libp2pId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn identity(seed: u8) -> IdentityKey {
        IdentityKey::from_seed(&[seed; 32])
    }

    fn random(seed: u8) -> NoiseRandom {
        [seed, seed + 100].map(|seed| Zeroizing::new([seed; 32]))
    }

    /// What comes behind the length, which has to be right.
    fn body(framed: &[u8]) -> &[u8] {
        let (length, body) = framed.split_first_chunk().unwrap();
        assert_eq!(announced(*length), Ok(body.len()));
        body
    }

    /// We have dialled; what the node answered.
    fn answered() -> (NoiseDialled, NoiseAnswered, Vec<u8>) {
        let (mut hello, mut answer) = (Vec::new(), Vec::new());
        let dialled = NoiseDialled::start(random(1), &mut hello).unwrap();
        assert_eq!(hello.len(), HELLO_FRAME);
        let node = NoiseAnswered::answer(body(&hello), random(2), &identity(22), &mut answer);
        (dialled, node.unwrap(), body(&answer).to_vec())
    }

    /// The answer of a node with keys and a proof of our choice.
    fn answer_of(own: &KeyPair, payload: &[u8]) -> Result<NoiseMet, NoiseError> {
        let (mut hello, mut answer) = (Vec::new(), Vec::new());
        let dialled = NoiseDialled::start(random(1), &mut hello).unwrap();
        let ephemeral = KeyPair::new(Zeroizing::new([2; 32]));
        Responder::answer(&[], body(&hello), ephemeral, own, payload, &mut answer).unwrap();
        dialled.answered(&answer)
    }

    #[test]
    fn two_of_us_understand_each_other() {
        let (dialled, node, answer) = answered();
        let met = dialled.answered(&answer).unwrap();
        assert_eq!(met.peer, Libp2pId::of(&identity(22)));
        let mut last = Vec::new();
        let mut ours = met.finish(&identity(11), &mut last).unwrap();
        let mut theirs = node.finish(body(&last)).unwrap();
        assert_eq!(theirs.peer, Libp2pId::of(&identity(11)));
        let (mut wire, mut found) = (Vec::new(), Vec::new());
        ours.sealer.seal(b"reply", &mut wire).unwrap();
        theirs
            .opener
            .feed(&wire, |data| found.extend_from_slice(data))
            .unwrap();
        assert_eq!(found, b"reply");
    }

    #[test]
    fn keys_of_low_order_are_refused_wherever_they_stand() {
        let one = {
            let mut one = [0; 32];
            one[0] = 1;
            one
        };
        for point in [[0; 32], one] {
            let mut hello = Vec::new();
            let dialled = NoiseDialled::start(random(1), &mut hello).unwrap();
            let answer = [&point[..], &[0; 100]].concat();
            let found = dialled.answered(&answer).err();
            assert_eq!(found, Some(NoiseError::LowOrder));
            let node = NoiseAnswered::answer(&point, random(2), &identity(1), &mut hello);
            assert_eq!(node.err(), Some(NoiseError::LowOrder));
            // The node's static key, well sealed.
            let mut own = KeyPair::new(Zeroizing::new([3; 32]));
            own.public = point;
            assert_eq!(answer_of(&own, &[]).err(), Some(NoiseError::LowOrder));
            // And ours.
            let (dialled, node, answer) = answered();
            let met = dialled.answered(&answer).unwrap();
            let mut last = Vec::new();
            met.answered.finish(&own, &[], &mut last).unwrap();
            assert_eq!(node.finish(&last).err(), Some(NoiseError::LowOrder));
        }
    }

    #[test]
    fn a_proof_of_another_key_or_of_nobody_is_refused() {
        let own = KeyPair::new(Zeroizing::new([3; 32]));
        let right = prove(&identity(22), &own.public);
        assert!(answer_of(&own, &right).is_ok());
        let others = prove(&identity(22), &[4; 32]);
        assert_eq!(answer_of(&own, &others).err(), Some(NoiseError::Signature));
        assert_eq!(answer_of(&own, &[]).err(), Some(NoiseError::NotAProof));
        assert_eq!(
            answer_of(&own, &right[..50]).err(),
            Some(NoiseError::NotAProof)
        );
    }

    #[test]
    fn messages_that_are_cut_or_out_of_turn_are_refused() {
        for length in [0, 31, 32, 79, 80, 95] {
            let (dialled, _, answer) = answered();
            let found = dialled.answered(&answer[..length]).err();
            assert_eq!(found, Some(NoiseError::Short), "{length}");
        }
        // One byte less, one more.
        let (dialled, _, answer) = answered();
        let found = dialled.answered(&answer[..answer.len() - 1]).err();
        assert_eq!(found, Some(NoiseError::Forged));
        let (dialled, _, answer) = answered();
        let found = dialled.answered(&[&answer[..], &[0]].concat()).err();
        assert_eq!(found, Some(NoiseError::Forged));
        // The answer to another dial, and our own message back.
        let mut hello = Vec::new();
        let dialled = NoiseDialled::start(random(9), &mut hello).unwrap();
        assert_eq!(dialled.answered(&answer).err(), Some(NoiseError::Forged));
        let (dialled, node, _) = answered();
        let back = dialled.answered(body(&hello)).err();
        assert_eq!(back, Some(NoiseError::Short));
        assert_eq!(node.finish(body(&hello)).err(), Some(NoiseError::Short));
    }

    #[test]
    fn more_than_four_kibibytes_are_not_waited_for() {
        assert_eq!(announced([0x10, 0x00]), Ok(4096));
        assert_eq!(announced([0x10, 0x01]), Err(NoiseError::Long(4097)));
        assert_eq!(announced([0xff, 0xff]), Err(NoiseError::Long(65_535)));
        // So much is read, and extensions may be that long.
        let own = KeyPair::new(Zeroizing::new([3; 32]));
        let mut proof = prove(&identity(22), &own.public);
        let extensions = LONGEST_MESSAGE - 96 - proof.len() - 3;
        let length = u16::try_from(extensions).unwrap();
        let varint = [0x80 | (length & 0x7f), length >> 7].map(|part| u8::try_from(part).unwrap());
        proof.push(0x22);
        proof.extend_from_slice(&varint);
        proof.resize(proof.len() + extensions, 0);
        assert!(answer_of(&own, &proof).is_ok());
    }

    proptest! {
        #[test]
        fn a_changed_answer_is_refused(at in 0_usize..200, bit in 0_u8..8) {
            let (dialled, _, mut answer) = answered();
            prop_assert_eq!(answer.len(), 200);
            answer[at] ^= 1 << bit;
            // X25519 passes over the highest bit of a key, but the hash does not.
            prop_assert!(dialled.answered(&answer).is_err());
        }

        #[test]
        fn any_messages_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let (dialled, node, _) = answered();
            prop_assert!(dialled.answered(&bytes).is_err());
            prop_assert!(node.finish(&bytes).is_err());
            let _ = NoiseAnswered::answer(&bytes, random(3), &identity(1), &mut Vec::new());
        }
    }
}
