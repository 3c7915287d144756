//! What a private key of any type does.

use zeroize::Zeroizing;

use crate::consensus::PublicKey;

/// A private key of one type. Wiped when dropped.
pub(super) trait SigningSecret: Send + Sync {
    /// The public half; computed anew, so it is asked for once.
    fn public_key(&self) -> PublicKey;

    /// Signs, always alike for the same bytes. `None` where no signature could be computed.
    fn sign(&self, bytes: &[u8]) -> Option<Vec<u8>>;

    /// The shortest form of the key that is read again.
    fn to_bytes(&self) -> Zeroizing<Vec<u8>>;

    /// The 32-byte seed of an Ed25519 key, where it is known.
    fn seed(&self) -> Option<Zeroizing<[u8; 32]>> {
        None
    }
}
