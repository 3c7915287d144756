//! The type of a key in a file, as it is typed.

use clap::ValueEnum;

use crate::consensus::KeyType;

/// The type, by either of its names.
#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum KeyWord {
    /// Ed25519, which nearly all chains want
    Consensus,
    /// secp256k1
    Account,
    /// The same as consensus
    Ed25519,
    /// The same as account
    Secp256k1,
    /// ECDSA as Ethereum has it
    Secp256k1eth,
    /// BLS12-381 with public keys in G1
    #[value(name = "bls12_381")]
    Bls12381,
    /// ML-DSA-65, which quantum computers do not break
    #[value(name = "ml_dsa_65")]
    MlDsa65,
}

impl KeyWord {
    pub(in crate::cli) fn key_type(self) -> KeyType {
        match self {
            Self::Consensus | Self::Ed25519 => KeyType::Ed25519,
            Self::Account | Self::Secp256k1 => KeyType::Secp256k1,
            Self::Secp256k1eth => KeyType::Secp256k1Eth,
            Self::Bls12381 => KeyType::Bls12381,
            Self::MlDsa65 => KeyType::MlDsa65,
        }
    }
}
