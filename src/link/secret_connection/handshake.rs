//! The handshake, as three typed states: [`Handshake`] has sent its hello, [`AwaitAuth`] has sent its proof,
//! [`Established`] knows the peer. Inputs have fixed sizes, so hostile bytes have nothing to overflow.

use curve25519_dalek::montgomery::MontgomeryPoint;
use hkdf::Hkdf;
use merlin::Transcript;
use prost::Message;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::frames::{Opener, SEALED, SealError, Sealer};
use crate::link::identity::{self, IdentityKey};

/// The hello in bytes: a length of 34, and a `BytesValue` of 32 bytes.
pub const HELLO: usize = 35;
const HELLO_START: [u8; 3] = [0x22, 0x0a, 0x20];

/// Why a handshake failed. The link ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The first bytes are not those of SecretConnection.
    #[error("the first bytes are not those of a SecretConnection")]
    NotHello,
    /// The ephemeral key is one that makes the secret public.
    #[error("the peer's ephemeral key is of low order")]
    LowOrder,
    /// The proof's frame could not be opened.
    #[error("the peer's proof of identity: {0}")]
    Frame(#[from] SealError),
    /// The proof is no `AuthSigMessage`.
    #[error("the peer's proof of identity cannot be decoded")]
    NotAuth,
    /// The peer's long-term key is of another type than Ed25519.
    #[error("the peer's identity key is not Ed25519")]
    KeyType,
    /// The signature does not fit key and transcript: somebody is in between.
    #[error("the peer's proof of identity is wrong: somebody may be in between")]
    Signature,
}

/// We have sent our hello.
pub struct Handshake {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl Handshake {
    /// Begins with 32 fresh random bytes; gives the hello to send.
    pub fn start(random: [u8; 32]) -> (Self, [u8; HELLO]) {
        let secret = Zeroizing::new(random);
        let public = MontgomeryPoint::mul_base_clamped(random).to_bytes();
        let mut hello = [0; HELLO];
        let bytes = HELLO_START.iter().chain(&public);
        hello
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        (Self { secret, public }, hello)
    }

    /// Whether bytes can be the beginning of a hello.
    pub fn may_begin(bytes: &[u8]) -> bool {
        HELLO_START
            .iter()
            .zip(bytes)
            .all(|(wanted, found)| wanted == found)
    }

    /// Takes the peer's hello; appends our sealed proof of identity to `out`.
    pub fn hello(
        self,
        hello: &[u8; HELLO],
        identity: &IdentityKey,
        out: &mut Vec<u8>,
    ) -> Result<AwaitAuth, HandshakeError> {
        if !Self::may_begin(hello) {
            return Err(HandshakeError::NotHello);
        }
        let (_, theirs) = hello.split_at(HELLO_START.len());
        let theirs: [u8; 32] = theirs.try_into().map_err(|_| HandshakeError::NotHello)?;
        let mut shared = MontgomeryPoint(theirs).mul_clamped(*self.secret).to_bytes();
        if bool::from(shared.ct_eq(&[0; 32])) {
            return Err(HandshakeError::LowOrder);
        }
        let we_are_lower = self.public < theirs;
        let (lower, upper) = if we_are_lower {
            (&self.public, &theirs)
        } else {
            (&theirs, &self.public)
        };
        let mut transcript = Transcript::new(b"TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH");
        transcript.append_message(b"EPHEMERAL_LOWER_PUBLIC_KEY", lower);
        transcript.append_message(b"EPHEMERAL_UPPER_PUBLIC_KEY", upper);
        transcript.append_message(b"DH_SECRET", &shared);
        let mut challenge = [0; 32];
        transcript.challenge_bytes(b"SECRET_CONNECTION_MAC", &mut challenge);
        let (mut sealer, opener) = keys(&shared, we_are_lower);
        shared.zeroize();

        let proof = AuthSigMessage {
            pub_key: Some(PublicKey {
                sum: Some(Sum::Ed25519(identity.public_key().to_vec())),
            }),
            sig: identity.sign(&challenge).to_vec(),
        };
        sealer.seal(&proof.encode_length_delimited_to_vec(), out)?;
        Ok(AwaitAuth {
            sealer,
            opener,
            challenge,
        })
    }
}

fn keys(shared: &[u8; 32], we_are_lower: bool) -> (Sealer, Opener) {
    let (send, receive) = secrets(shared, we_are_lower);
    (Sealer::new(&send), Opener::new(&receive))
}

type TrafficSecret = Zeroizing<[u8; 32]>;

/// The key to send with and the key to receive with. Of 96 derived bytes the first 32 go from the upper key's side to the
/// lower one's, the next 32 the other way.
fn secrets(shared: &[u8; 32], we_are_lower: bool) -> (TrafficSecret, TrafficSecret) {
    let mut derived = Zeroizing::new([0_u8; 96]);
    // 96 bytes are well below the limit of HKDF, so this cannot fail.
    let _ = Hkdf::<Sha256>::new(None, shared).expand(
        b"TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN",
        &mut *derived,
    );
    let mut to_lower = Zeroizing::new([0_u8; 32]);
    let mut to_upper = Zeroizing::new([0_u8; 32]);
    to_lower
        .iter_mut()
        .zip(derived.iter())
        .for_each(|(to, from)| *to = *from);
    to_upper
        .iter_mut()
        .zip(derived.iter().skip(32))
        .for_each(|(to, from)| *to = *from);
    match we_are_lower {
        true => (to_upper, to_lower),
        false => (to_lower, to_upper),
    }
}

/// We have sent our proof and wait for the peer's.
pub struct AwaitAuth {
    sealer: Sealer,
    opener: Opener,
    challenge: [u8; 32],
}

impl AwaitAuth {
    /// Takes the frame with the peer's proof.
    pub fn auth(mut self, frame: &mut [u8; SEALED]) -> Result<Established, HandshakeError> {
        let mut data = self.opener.open(frame)?;
        let proof = AuthSigMessage::decode_length_delimited(&mut data)
            .map_err(|_| HandshakeError::NotAuth)?;
        // A node speaks again only after it was asked something.
        if !data.is_empty() {
            return Err(HandshakeError::NotAuth);
        }
        let named = proof.pub_key.is_some();
        let peer = match proof.pub_key.and_then(|key| key.sum) {
            Some(Sum::Ed25519(key)) => {
                <[u8; 32]>::try_from(key).map_err(|_| HandshakeError::NotAuth)?
            }
            Some(Sum::Secp256k1(_)) => return Err(HandshakeError::KeyType),
            // Key types that this shape does not know look like none.
            None if named => return Err(HandshakeError::KeyType),
            None => return Err(HandshakeError::NotAuth),
        };
        let signature = <[u8; 64]>::try_from(proof.sig).map_err(|_| HandshakeError::NotAuth)?;
        if !identity::verify(&peer, &self.challenge, &signature) {
            return Err(HandshakeError::Signature);
        }
        Ok(Established {
            sealer: self.sealer,
            opener: self.opener,
            peer,
        })
    }
}

/// Both sides have proved who they are.
pub struct Established {
    /// Seals what we send.
    pub sealer: Sealer,
    /// Opens what we receive.
    pub opener: Opener,
    /// The peer's Ed25519 public key.
    pub peer: [u8; 32],
}

/// `tendermint.p2p.AuthSigMessage`.
#[derive(Clone, PartialEq, Message)]
struct AuthSigMessage {
    #[prost(message, optional, tag = "1")]
    pub_key: Option<PublicKey>,
    #[prost(bytes = "vec", tag = "2")]
    sig: Vec<u8>,
}

/// `tendermint.crypto.PublicKey`.
#[derive(Clone, PartialEq, Message)]
struct PublicKey {
    #[prost(oneof = "Sum", tags = "1, 2")]
    sum: Option<Sum>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Sum {
    #[prost(bytes, tag = "1")]
    Ed25519(Vec<u8>),
    #[prost(bytes, tag = "2")]
    Secp256k1(Vec<u8>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn identity(seed: u8) -> IdentityKey {
        IdentityKey::from_seed(&[seed; 32])
    }

    fn both() -> (AwaitAuth, Vec<u8>, AwaitAuth, Vec<u8>) {
        let (one, one_hello) = Handshake::start([1; 32]);
        let (two, two_hello) = Handshake::start([2; 32]);
        let (mut one_out, mut two_out) = (Vec::new(), Vec::new());
        let one = one.hello(&two_hello, &identity(11), &mut one_out).unwrap();
        let two = two.hello(&one_hello, &identity(22), &mut two_out).unwrap();
        (one, one_out, two, two_out)
    }

    /// `p2p/conn/testdata/TestDeriveSecretsAndChallengeGolden.golden` of CometBFT v0.38.26: shared secret, whether ours
    /// is the lower key, the key to receive with, the key to send with.
    #[test]
    fn secrets_are_those_of_cometbft() {
        let mut lines = 0;
        for line in include_str!("derived.csv").lines() {
            let fields: Vec<&str> = line.split(',').collect();
            let bytes = |at: usize| -> [u8; 32] {
                let bytes = subtle_encoding::hex::decode(fields[at]).unwrap();
                bytes.try_into().unwrap()
            };
            let (send, receive) = secrets(&bytes(0), fields[1] == "true");
            assert_eq!((*receive, *send), (bytes(2), bytes(3)), "{line}");
            lines += 1;
        }
        assert_eq!(lines, 32);
    }

    #[test]
    fn bytes_behind_the_proof_are_refused() {
        let (ours, _) = Handshake::start([1; 32]);
        let (theirs, hello) = Handshake::start([2; 32]);
        let shared = MontgomeryPoint(ours.public).mul_clamped(*theirs.secret);
        let (mut sealer, _) = keys(&shared.to_bytes(), theirs.public < ours.public);
        let one = ours.hello(&hello, &identity(11), &mut Vec::new()).unwrap();
        let proof = AuthSigMessage {
            pub_key: Some(PublicKey {
                sum: Some(Sum::Ed25519(identity(22).public_key().to_vec())),
            }),
            sig: identity(22).sign(&one.challenge).to_vec(),
        };
        let mut bytes = proof.encode_length_delimited_to_vec();
        bytes.push(0);
        let mut wire = Vec::new();
        sealer.seal(&bytes, &mut wire).unwrap();
        let frame: &mut [u8; SEALED] = &mut wire.try_into().unwrap();
        assert!(matches!(one.auth(frame), Err(HandshakeError::NotAuth)));
    }

    #[test]
    fn two_of_us_understand_each_other() {
        let (one, one_out, two, two_out) = both();
        let mut one = one.auth(&mut two_out.try_into().unwrap()).unwrap();
        let mut two = two.auth(&mut one_out.try_into().unwrap()).unwrap();
        assert_eq!(one.peer, identity(22).public_key());
        assert_eq!(two.peer, identity(11).public_key());
        let mut wire = Vec::new();
        one.sealer.seal(b"hello", &mut wire).unwrap();
        assert_eq!(
            two.opener.open(&mut wire.try_into().unwrap()).unwrap(),
            b"hello"
        );
    }

    #[test]
    fn low_order_points_are_refused() {
        for point in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            let (us, _) = Handshake::start([1; 32]);
            let mut hello = [0; HELLO];
            hello[..3].copy_from_slice(&HELLO_START);
            hello[3..].copy_from_slice(&point);
            let result = us.hello(&hello, &identity(1), &mut Vec::new());
            assert_eq!(result.err(), Some(HandshakeError::LowOrder));
        }
    }

    #[test]
    fn our_own_hello_sent_back_does_not_authenticate_as_us() {
        let (us, hello) = Handshake::start([1; 32]);
        let mut out = Vec::new();
        let us = us.hello(&hello, &identity(1), &mut out).unwrap();
        // A mirror has the same public key on both sides, so our own proof does not open.
        assert!(us.auth(&mut out.try_into().unwrap()).is_err());
    }

    #[test]
    fn a_proof_that_another_key_signed_is_refused() {
        // Well sealed by a peer that shares the secret, with the key of one and the signature of another.
        for (claimed, signer) in [(22, 22), (22, 33)] {
            let (one, _, _, _) = both();
            let (_, theirs) = Handshake::start([1; 32]);
            let one_public: [u8; 32] = theirs[3..].try_into().unwrap();
            let (two, _) = Handshake::start([2; 32]);
            let shared = MontgomeryPoint(one_public)
                .mul_clamped(*two.secret)
                .to_bytes();
            let (mut sealer, _) = keys(&shared, two.public < one_public);
            let proof = AuthSigMessage {
                pub_key: Some(PublicKey {
                    sum: Some(Sum::Ed25519(identity(claimed).public_key().to_vec())),
                }),
                sig: identity(signer).sign(&one.challenge).to_vec(),
            };
            let mut frame = Vec::new();
            sealer
                .seal(&proof.encode_length_delimited_to_vec(), &mut frame)
                .unwrap();
            let result = one
                .auth(&mut frame.try_into().unwrap())
                .map(|established| established.peer);
            match claimed == signer {
                true => assert_eq!(result, Ok(identity(claimed).public_key())),
                false => assert_eq!(result, Err(HandshakeError::Signature)),
            }
        }
    }

    proptest! {
        #[test]
        fn any_hello_does_no_harm(bytes in prop::array::uniform32(any::<u8>()), start in prop::array::uniform3(any::<u8>())) {
            let mut hello = [0; HELLO];
            hello[..3].copy_from_slice(&start);
            hello[3..].copy_from_slice(&bytes);
            let (us, _) = Handshake::start([1; 32]);
            let result = us.hello(&hello, &identity(1), &mut Vec::new());
            prop_assert!(result.is_ok() || start != HELLO_START || bytes == [0; 32]);
        }

        #[test]
        fn a_changed_proof_is_refused(at in 0..SEALED, bit in 0_u8..8) {
            let (one, _, _, mut two_out) = both();
            two_out[at] ^= 1 << bit;
            prop_assert!(one.auth(&mut two_out.try_into().unwrap()).is_err());
        }
    }
}
