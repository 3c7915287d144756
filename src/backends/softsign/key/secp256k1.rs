//! secp256k1 keys that sign over SHA-256.

use k256::ecdsa::signature::Signer;
use k256::ecdsa::{Signature, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::consensus::PublicKey;

use super::error::SoftKeyError;
use super::secret::SigningSecret;

struct Scalar(SigningKey);

impl SigningSecret for Scalar {
    fn public_key(&self) -> PublicKey {
        PublicKey::Secp256k1(compressed(self.0.verifying_key()))
    }

    fn make(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let signature: Signature = self.0.try_sign(bytes).ok()?;
        let low = signature.normalize_s().unwrap_or(signature);
        Some(low.to_bytes().to_vec())
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let bytes = Zeroizing::new(self.0.to_bytes());
        Zeroizing::new(bytes.to_vec())
    }
}

/// Reads a scalar of 32 bytes.
pub(super) fn read(bytes: &[u8]) -> Result<Box<dyn SigningSecret>, SoftKeyError> {
    Ok(Box::new(Scalar(scalar(bytes, "a secp256k1 key has 32")?)))
}

/// The scalar of both types of this curve.
pub(super) fn scalar(bytes: &[u8], wanted: &'static str) -> Result<SigningKey, SoftKeyError> {
    if bytes.len() != 32 {
        let got = bytes.len();
        return Err(SoftKeyError::Length { got, wanted });
    }
    SigningKey::from_slice(bytes)
        .map_err(|_| SoftKeyError::Invalid("zero, or above the order of secp256k1"))
}

/// The 33 bytes of a public key.
pub(super) fn compressed(key: &VerifyingKey) -> [u8; 33] {
    let point = key.to_encoded_point(true);
    let mut bytes = [0; 33];
    bytes
        .iter_mut()
        .zip(point.as_bytes())
        .for_each(|(to, from)| *to = *from);
    bytes
}
