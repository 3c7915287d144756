//! BLS12-381 keys with public keys in G1.

use std::sync::Arc;

use blst::min_pk::SecretKey;
use zeroize::Zeroizing;

use crate::consensus::PublicKey;

use super::error::SoftKeyError;
use super::secret::SigningSecret;

/// What separates these signatures from others over the same bytes (`dstMinPk` in CometBFT's `crypto/bls12381/`).
const DOMAIN: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_";

struct BlsScalar(SecretKey);

impl SigningSecret for BlsScalar {
    fn public_key(&self) -> PublicKey {
        PublicKey::Bls12381(Arc::new(self.0.sk_to_pk().serialize()))
    }

    fn make(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        Some(self.0.sign(bytes, DOMAIN, &[]).compress().to_vec())
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let bytes = Zeroizing::new(self.0.to_bytes());
        Zeroizing::new(bytes.to_vec())
    }
}

/// Reads a scalar of 32 bytes, the highest first.
pub(super) fn read(bytes: &[u8]) -> Result<Box<dyn SigningSecret>, SoftKeyError> {
    if bytes.len() != 32 {
        return Err(SoftKeyError::Length {
            got: bytes.len(),
            wanted: "a BLS12-381 key has 32",
        });
    }
    match SecretKey::from_bytes(bytes) {
        Ok(key) => Ok(Box::new(BlsScalar(key))),
        Err(_) => Err(SoftKeyError::Invalid(
            "zero, or above the order of BLS12-381",
        )),
    }
}

/// The scalar of key material, as CometBFT's `GenPrivKey` makes it (`KeyGen` of the BLS signature draft).
pub(super) fn of_seed(seed: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, SoftKeyError> {
    let short = |_| SoftKeyError::Invalid("its key material is too short");
    let key = SecretKey::key_gen(seed, &[]).map_err(short)?;
    Ok(BlsScalar(key).to_bytes())
}
