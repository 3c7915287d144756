//! What a private key of any type does.

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use crate::consensus::{PublicKey, Signature};

use super::error::SoftKeyError;

/// A private key of one type. Wiped when dropped.
pub(super) trait SigningSecret: Send + Sync {
    /// The public half; computed anew, so it is asked for once.
    fn public_key(&self) -> PublicKey;

    /// Signs, always alike for the same bytes. `None` where no signature could be computed. Nobody has it before it was looked
    /// at: [`SigningSecret::sign`].
    fn make(&self, bytes: &[u8]) -> Option<Vec<u8>>;

    /// Signs, and looks whether it is the signature of `public` (W13).
    ///
    /// # Errors
    /// It is none, or none could be computed.
    fn sign(&self, public: &PublicKey, bytes: &[u8]) -> Result<Signature, SoftKeyError> {
        looked_at(self.make(bytes), |signature| {
            public.verify(bytes, signature)
        })
    }

    /// The shortest form of the key that is read again.
    fn to_bytes(&self) -> Zeroizing<Vec<u8>>;

    /// The scalar of an Ed25519 key.
    fn scalar(&self) -> Option<Scalar> {
        None
    }

    /// The 32-byte seed of an Ed25519 key, where it is known.
    fn seed(&self) -> Option<Zeroizing<[u8; 32]>> {
        None
    }
}

/// A signature that was made, if it is one.
pub(super) fn looked_at(
    made: Option<Vec<u8>>,
    is_good: impl FnOnce(&Signature) -> bool,
) -> Result<Signature, SoftKeyError> {
    let signature = made.map(Signature::from_bytes).ok_or(SoftKeyError::Sign)?;
    match is_good(&signature) {
        true => Ok(signature),
        false => Err(SoftKeyError::WrongSignature),
    }
}
