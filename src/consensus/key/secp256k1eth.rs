//! secp256k1 keys as Ethereum has them
//! (<https://github.com/cometbft/cometbft/blob/v0.40.0/crypto/secp256k1eth/key.go>).

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

use super::address::first_20;

/// Whether 33 bytes are a compressed point on the curve.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    VerifyingKey::from_sec1_bytes(bytes).is_ok()
}

/// The last 20 bytes of Keccak-256 of the two coordinates.
pub(super) fn address(key: &[u8]) -> [u8; 20] {
    let Ok(key) = VerifyingKey::from_sec1_bytes(key) else {
        return [0; 20];
    };
    let point = key.to_encoded_point(false);
    let hash = Keccak256::digest(point.as_bytes().get(1..).unwrap_or_default());
    first_20(hash.get(12..).unwrap_or_default())
}

/// Keccak-256 as it was before it became SHA-3.
pub(super) fn digest(message: &[u8]) -> [u8; 32] {
    Keccak256::digest(message).into()
}

/// `R‖S‖V` with low S, where V, 0 or 1, says which of two keys it is of: as CometBFT, by recovering that key.
pub(super) fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Some((rs, [v @ (0 | 1)])) = signature.split_at_checked(64) else {
        return false;
    };
    let (Ok(key), Ok(signature)) = (
        VerifyingKey::from_sec1_bytes(key),
        Signature::from_slice(rs),
    ) else {
        return false;
    };
    let odd = RecoveryId::new(*v == 1, false);
    signature.normalize_s().is_none()
        && VerifyingKey::recover_from_prehash(&digest(message), &signature, odd)
            .is_ok_and(|found| found == key)
}
