//! How long the parts of a state file are.

use crate::consensus::KeyType;

/// The lengths of a file of two slots with two copies each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    copy: usize,
}

impl Layout {
    /// For keys and signatures of 100 bytes and less: 16 KiB.
    pub const SHORT: Self = Self { copy: 4 * 1024 };
    /// For those of ML-DSA, which take 7 KiB in base64: 48 KiB.
    pub const LONG: Self = Self { copy: 12 * 1024 };

    /// Of the file of a key of this type.
    pub fn of(kind: KeyType) -> Self {
        match kind {
            KeyType::MlDsa65 => Self::LONG,
            KeyType::Ed25519 | KeyType::Secp256k1 | KeyType::Secp256k1Eth | KeyType::Bls12381 => {
                Self::SHORT
            }
        }
    }

    /// Of a file of so many bytes; `None` where it is no state file of this program.
    pub fn of_file(length: usize) -> Option<Self> {
        [Self::SHORT, Self::LONG]
            .into_iter()
            .find(|layout| layout.file() == length)
    }

    /// One copy of a record in bytes.
    pub const fn copy(self) -> usize {
        self.copy
    }

    /// One slot in bytes: two copies.
    pub const fn slot(self) -> usize {
        2 * self.copy
    }

    /// The whole file in bytes: two slots.
    pub const fn file(self) -> usize {
        4 * self.copy
    }
}
