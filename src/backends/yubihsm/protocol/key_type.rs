//! The types of consensus keys that a YubiHSM can hold, and what it calls them.

use super::codes::{algorithm, capability};
use crate::consensus::KeyType;

/// A type of consensus key that the device has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceKeyType {
    /// Ed25519; the device sees the whole message.
    #[default]
    Ed25519,
    /// secp256k1 over SHA-256; the device sees the digest.
    Secp256k1,
    /// The same key and the same command, over Keccak-256.
    Secp256k1Eth,
}

impl DeviceKeyType {
    /// The type that these words of a configuration mean; an `Err` says which types a device has not.
    pub fn of_word(word: &str) -> Result<Self, Option<KeyType>> {
        match KeyType::of_word(word) {
            Some(KeyType::Ed25519) => Ok(Self::Ed25519),
            Some(KeyType::Secp256k1) => Ok(Self::Secp256k1),
            Some(KeyType::Secp256k1Eth) => Ok(Self::Secp256k1Eth),
            other => Err(other),
        }
    }

    /// As consensus knows it.
    pub fn key_type(self) -> KeyType {
        match self {
            Self::Ed25519 => KeyType::Ed25519,
            Self::Secp256k1 => KeyType::Secp256k1,
            Self::Secp256k1Eth => KeyType::Secp256k1Eth,
        }
    }

    /// The device's algorithm.
    pub fn algorithm(self) -> u8 {
        match self {
            Self::Ed25519 => algorithm::ED25519,
            Self::Secp256k1 | Self::Secp256k1Eth => algorithm::SECP256K1,
        }
    }

    /// The right to sign with it.
    pub fn sign(self) -> u64 {
        match self {
            Self::Ed25519 => capability::SIGN_EDDSA,
            Self::Secp256k1 | Self::Secp256k1Eth => capability::SIGN_ECDSA,
        }
    }

    /// What the configuration calls it, and what it is.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Ed25519 => "consensus (ed25519)",
            Self::Secp256k1 => "account (secp256k1)",
            Self::Secp256k1Eth => "secp256k1eth",
        }
    }
}
