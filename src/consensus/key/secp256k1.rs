//! secp256k1 keys as Bitcoin and the accounts of the Cosmos SDK have them.

use k256::ecdsa::signature::Verifier;
use k256::ecdsa::{Signature, VerifyingKey};
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};

use super::address::first_20;

/// Whether 33 bytes are a compressed point on the curve.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    VerifyingKey::from_sec1_bytes(bytes).is_ok()
}

/// RIPEMD-160 of SHA-256.
pub(super) fn address(key: &[u8]) -> [u8; 20] {
    first_20(&Ripemd160::digest(Sha256::digest(key)))
}

/// SHA-256.
pub(super) fn digest(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// With low S only, as CometBFT verifies it.
pub(super) fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (
        VerifyingKey::from_sec1_bytes(key),
        Signature::from_slice(signature),
    ) else {
        return false;
    };
    signature.normalize_s().is_none() && key.verify(message, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use crate::consensus::{PublicKey, Signature};
    use k256::ecdsa::signature::Signer;

    #[test]
    fn high_s_is_refused() {
        let secret = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let point = secret.verifying_key().to_encoded_point(true);
        let key = PublicKey::from_bytes("secp256k1", point.as_bytes()).unwrap();
        let low: k256::ecdsa::Signature = secret.sign(b"vote");
        let low = low.normalize_s().unwrap_or(low);
        assert!(key.verify(b"vote", &Signature::from_bytes(low.to_bytes().to_vec())));
        let (r, s) = low.split_scalars();
        let high = k256::ecdsa::Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).unwrap();
        assert!(!key.verify(b"vote", &Signature::from_bytes(high.to_bytes().to_vec())));
    }
}
