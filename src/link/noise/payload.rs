//! The proof of identity in a handshake: a public key, and its signature of the Noise key of this handshake.

use prost::Message;

use super::peer_id::{Libp2pId, NotALibp2pKey};
use crate::link::identity::IdentityKey;

const SIGNED: &[u8] = b"noise-libp2p-static-key:";

/// `NoiseHandshakePayload` of `noise/README.md` in libp2p's specs; its extensions are nothing to us.
#[derive(Clone, PartialEq, Message)]
struct NoisePayload {
    #[prost(bytes = "vec", optional, tag = "1")]
    identity_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    identity_sig: Option<Vec<u8>>,
}

/// Why a proof is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAProof {
    /// It cannot be decoded, or something is missing.
    Payload,
    /// The key in it.
    Key(NotALibp2pKey),
    /// The signature is another key's, or of another handshake.
    Signature,
}

fn signed(noise_key: &[u8; 32]) -> Vec<u8> {
    [SIGNED, noise_key].concat()
}

/// That `noise_key` belongs to whoever has this identity.
pub(super) fn prove(identity: &IdentityKey, noise_key: &[u8; 32]) -> Vec<u8> {
    let payload = NoisePayload {
        identity_key: Some(Libp2pId::of(identity).encoded_key()),
        identity_sig: Some(identity.sign(&signed(noise_key)).to_vec()),
    };
    payload.encode_to_vec()
}

/// Whose `noise_key` is.
pub(super) fn proven(payload: &[u8], noise_key: &[u8; 32]) -> Result<Libp2pId, NotAProof> {
    let payload = NoisePayload::decode(payload).map_err(|_| NotAProof::Payload)?;
    let key = payload.identity_key.ok_or(NotAProof::Payload)?;
    let signature = payload.identity_sig.ok_or(NotAProof::Payload)?;
    let id = Libp2pId::from_encoded_key(&key).map_err(NotAProof::Key)?;
    match id.verify(&signed(noise_key), &signature) {
        true => Ok(id),
        false => Err(NotAProof::Signature),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOISE_KEY: [u8; 32] = [5; 32];

    #[test]
    fn a_proof_holds_for_its_key_alone() {
        let us = IdentityKey::from_seed(&[7; 32]);
        let proof = prove(&us, &NOISE_KEY);
        assert_eq!(proven(&proof, &NOISE_KEY), Ok(Libp2pId::of(&us)));
        assert_eq!(proven(&proof, &[6; 32]), Err(NotAProof::Signature));
        // Another's key with our signature.
        let mut mixed = NoisePayload::decode(proof.as_slice()).unwrap();
        mixed.identity_key = Some(Libp2pId::of(&IdentityKey::from_seed(&[8; 32])).encoded_key());
        let mixed = mixed.encode_to_vec();
        assert_eq!(proven(&mixed, &NOISE_KEY), Err(NotAProof::Signature));
    }

    #[test]
    fn secp256k1_signs_in_der_over_sha256_with_either_s() {
        use k256::ecdsa::signature::Signer;
        let key = k256::ecdsa::SigningKey::from_slice(&[3; 32]).unwrap();
        let public = key.verifying_key().to_encoded_point(true);
        let encoded = [&[0x08, 2, 0x12, 33], public.as_bytes()].concat();
        let low: k256::ecdsa::Signature = key.sign(&signed(&NOISE_KEY));
        let high = k256::ecdsa::Signature::from_scalars(low.r(), -low.s()).unwrap();
        for (signature, is_right) in [
            (low.to_der().as_bytes().to_vec(), true),
            (high.to_der().as_bytes().to_vec(), true),
            (low.to_bytes().to_vec(), false),
            (Vec::new(), false),
        ] {
            let payload = NoisePayload {
                identity_key: Some(encoded.clone()),
                identity_sig: Some(signature),
            };
            let found = proven(&payload.encode_to_vec(), &NOISE_KEY);
            match is_right {
                true => assert!(found.unwrap().to_string().starts_with("16Uiu2H")),
                false => assert_eq!(found, Err(NotAProof::Signature)),
            }
        }
    }

    #[test]
    fn what_is_no_proof_is_told_apart() {
        let proof = |key: Option<&[u8]>, signature: Option<&[u8]>| {
            let payload = NoisePayload {
                identity_key: key.map(<[u8]>::to_vec),
                identity_sig: signature.map(<[u8]>::to_vec),
            };
            proven(&payload.encode_to_vec(), &NOISE_KEY).unwrap_err()
        };
        use NotALibp2pKey as K;
        let us = Libp2pId::of(&IdentityKey::from_seed(&[7; 32])).encoded_key();
        assert_eq!(proof(None, None), NotAProof::Payload);
        assert_eq!(proof(Some(&us), None), NotAProof::Payload);
        assert_eq!(proof(None, Some(&[0; 64])), NotAProof::Payload);
        assert_eq!(proven(&[0x0a, 9], &NOISE_KEY), Err(NotAProof::Payload));
        for (key, why) in [
            (&[][..], K::Encoding),
            (&us[..35], K::Encoding),
            (&[0x08, 0, 0x12, 1, 1], K::Type(0)),
            (&[0x08, 3, 0x12, 1, 1], K::Type(3)),
            (&[0x08, 1, 0x12, 1, 1], K::Length(1)),
            (&[0x08, 2, 0x12, 1, 1], K::Length(1)),
            (&[&[0x08, 2, 0x12, 33][..], &[4; 33]].concat(), K::Point),
            (&[&us[..], &[0]].concat(), K::Encoding),
        ] {
            assert_eq!(proof(Some(key), Some(&[0; 64])), NotAProof::Key(why));
        }
        // A key of low order signs anything.
        let low = [&[0x08, 1, 0x12, 32, 1][..], &[0; 31]].concat();
        let mut signature = [0; 64];
        signature[0] = 1;
        assert_eq!(proof(Some(&low), Some(&signature)), NotAProof::Signature);
    }

    #[test]
    fn extensions_and_unknown_fields_are_passed_over() {
        let us = IdentityKey::from_seed(&[7; 32]);
        let mut proof = prove(&us, &NOISE_KEY);
        proof.extend_from_slice(&[0x22, 2, 0x0a, 0]);
        assert_eq!(proven(&proof, &NOISE_KEY), Ok(Libp2pId::of(&us)));
    }
}
