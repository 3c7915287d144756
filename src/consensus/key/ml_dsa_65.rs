//! ML-DSA-65 keys (FIPS 204), packed
//! (<https://github.com/cometbft/cometbft/blob/v0.40.0/crypto/mldsa65/key.go>).

use fips204::ml_dsa_65::PublicKey;
use fips204::traits::{SerDes, Verifier};

use crate::threads::{OWN_STACK, on_own_stack};

/// Any 1952 bytes are a key: each value that can be written is one that t1 may have (FIPS 204, algorithm 23).
pub(super) fn is_key(bytes: &[u8]) -> bool {
    bytes.len() == 1952
}

/// The first 20 bytes of SHA-256.
pub(super) fn address(key: &[u8]) -> [u8; 20] {
    super::address::truncated_sha256(key)
}

/// Without a context. Nothing is verified while the host has no room for a thread.
pub(super) fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = <[u8; 3309]>::try_from(signature) else {
        return false;
    };
    let verified = on_own_stack("ml_dsa_65", OWN_STACK, || {
        parsed(key).is_some_and(|key| key.verify(message, &signature, &[]))
    });
    verified.unwrap_or(false)
}

fn parsed(key: &[u8]) -> Option<PublicKey> {
    PublicKey::try_from_bytes(key.try_into().ok()?).ok()
}
