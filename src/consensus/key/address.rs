//! A validator's address.

use std::fmt;

use sha2::{Digest, Sha256};

use super::digits::Digits;

/// A validator's address. Displayed as 40 upper-case hexadecimal digits, as nodes do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValidatorAddress(pub(super) [u8; 20]);

impl ValidatorAddress {
    /// The 20 bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for ValidatorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Digits(&self.0))
    }
}

impl fmt::Debug for ValidatorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Digits(&self.0))
    }
}

/// The first 20 bytes of SHA-256, which most key types have as their address (`tmhash.SumTruncated`).
pub(super) fn truncated_sha256(key: &[u8]) -> [u8; 20] {
    first_20(&Sha256::digest(key))
}

/// The first 20 bytes of a hash that has as many.
pub(super) fn first_20(hash: &[u8]) -> [u8; 20] {
    let mut address = [0; 20];
    address
        .iter_mut()
        .zip(hash)
        .for_each(|(to, from)| *to = *from);
    address
}
