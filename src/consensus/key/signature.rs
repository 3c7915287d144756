//! A signature.

use std::fmt;

use super::digits::Digits;

/// A signature, in the encoding that consensus expects of the key's type: 64 bytes for most types, 3309 at most
/// ([`KeyType::signature_length`](super::key_type::KeyType::signature_length)).
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// Takes the bytes as they are; only [`PublicKey::verify`](super::public_key::PublicKey::verify) tells whether they are worth
    /// anything.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", Digits(&self.0))
    }
}
