//! BLS12-381 keys: public keys of 96 bytes in G1, not compressed, and compressed signatures of 96 bytes in G2
//! (<https://github.com/cometbft/cometbft/blob/v0.40.0/crypto/bls12381/key_bls12381.go>).

use blst::BLST_ERROR::BLST_SUCCESS;
use blst::min_pk::{PublicKey, Signature};

/// What separates these signatures from others over the same bytes (`dstMinPk`).
pub(crate) const DOMAIN: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_";

/// Whether 96 bytes are a point of the right group other than its zero, in its one form.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    parsed(bytes).is_some_and(|key| key.validate().is_ok() && key.serialize() == bytes)
}

/// The first 20 bytes of SHA-256.
pub(super) fn address(key: &[u8]) -> [u8; 20] {
    super::address::truncated_sha256(key)
}

/// Of a key that [`is_key`] took. That the signature is in its group is verified, too.
pub(super) fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Some(key), Ok(signature)) = (parsed(key), Signature::uncompress(signature)) else {
        return false;
    };
    signature.verify(true, message, DOMAIN, &[], &key, false) == BLST_SUCCESS
}

fn parsed(key: &[u8]) -> Option<PublicKey> {
    (key.len() == 96)
        .then(|| PublicKey::deserialize(key).ok())
        .flatten()
}
