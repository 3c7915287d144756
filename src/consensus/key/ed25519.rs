//! Ed25519 keys.

use ed25519_dalek::{Signature, VerifyingKey};

/// Whether 32 bytes are a point on the curve.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    parsed(bytes).is_some()
}

/// Strictly: no key of small order, no signature that could be another one.
pub(super) fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Some(key), Ok(signature)) = (parsed(key), Signature::from_slice(signature)) else {
        return false;
    };
    key.verify_strict(message, &signature).is_ok()
}

fn parsed(key: &[u8]) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(key.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use crate::consensus::{PublicKey, Signature};
    use ed25519_dalek::Signer;

    #[test]
    fn it_verifies_its_own_and_nothing_else() {
        let secret = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let key = PublicKey::Ed25519(secret.verifying_key().to_bytes());
        let signature = Signature::from_bytes(secret.sign(b"vote").to_bytes().to_vec());
        assert!(key.verify(b"vote", &signature));
        assert!(!key.verify(b"other", &signature));
        assert!(!key.verify(b"vote", &Signature::from_bytes(vec![0; 63])));
    }
}
