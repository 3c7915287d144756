//! The types of consensus keys, and what is fixed for each.

use std::fmt;

use super::secp256k1;
use super::secp256k1eth;

/// The algorithms that a consensus key may have: those of CometBFT v0.40
/// (<https://github.com/cometbft/cometbft/tree/v0.40.0/crypto>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Ed25519 (RFC 8032).
    #[default]
    Ed25519,
    /// ECDSA over secp256k1 and SHA-256, `R‖S` with low S.
    Secp256k1,
    /// ECDSA as Ethereum has it: over secp256k1 and Keccak-256, `R‖S‖V` with low S and V of 0 or 1.
    Secp256k1Eth,
    /// BLS12-381 with public keys in G1 and signatures in G2.
    Bls12381,
    /// ML-DSA-65 (FIPS 204) without a context, deterministic.
    MlDsa65,
}

impl KeyType {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Ed25519,
        Self::Secp256k1,
        Self::Secp256k1Eth,
        Self::Bls12381,
        Self::MlDsa65,
    ];

    /// The type string of CometBFT (`crypto/*/`), as `ed25519`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Secp256k1 => "secp256k1",
            Self::Secp256k1Eth => "secp256k1eth",
            Self::Bls12381 => "bls12_381",
            Self::MlDsa65 => "ml_dsa_65",
        }
    }

    /// The type of this string, exactly as CometBFT writes it.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The type that this word of a configuration or command line means: its name, or `consensus` and `account`, which were the
    /// words when there were two types.
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "consensus" => Some(Self::Ed25519),
            "account" => Some(Self::Secp256k1),
            name => Self::of_name(name),
        }
    }

    /// The word by which commands and their remedies say it: [`KeyType::of_word`] reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ed25519 => "consensus",
            Self::Secp256k1 => "account",
            other => other.as_str(),
        }
    }

    /// What CometBFT's JSON calls a private key of this type (`PrivKeyName` in `crypto/*/`).
    pub fn private_json_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "tendermint/PrivKeyEd25519",
            Self::Secp256k1 => "tendermint/PrivKeySecp256k1",
            Self::Secp256k1Eth => "tendermint/PrivKeySecp256k1eth",
            Self::Bls12381 => "cometbft/PrivKeyBls12_381",
            Self::MlDsa65 => "cometbft/PrivKeyMlDsa65",
        }
    }

    /// What CometBFT's JSON calls a public key of this type (`PubKeyName` in `crypto/*/`).
    pub fn public_json_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "tendermint/PubKeyEd25519",
            Self::Secp256k1 => "tendermint/PubKeySecp256k1",
            Self::Secp256k1Eth => "tendermint/PubKeySecp256k1eth",
            Self::Bls12381 => "cometbft/PubKeyBls12_381",
            Self::MlDsa65 => "cometbft/PubKeyMlDsa65",
        }
    }

    /// The length of a public key in bytes.
    pub fn public_length(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::Secp256k1 | Self::Secp256k1Eth => 33,
            Self::Bls12381 => 96,
            Self::MlDsa65 => 1952,
        }
    }

    /// The length of a signature in bytes.
    pub fn signature_length(self) -> usize {
        match self {
            Self::Ed25519 | Self::Secp256k1 => 64,
            Self::Secp256k1Eth => 65,
            Self::Bls12381 => 96,
            Self::MlDsa65 => 3309,
        }
    }

    /// Whether this build can verify and sign with such keys.
    pub fn is_built(self) -> bool {
        match self {
            Self::Ed25519 | Self::Secp256k1 => true,
            Self::Secp256k1Eth => cfg!(feature = "secp256k1eth"),
            Self::Bls12381 => cfg!(feature = "bls12_381"),
            Self::MlDsa65 => cfg!(feature = "ml_dsa_65"),
        }
    }

    /// What a device that signs digests is given of a message; `None` for types that sign the message itself.
    pub fn digest(self, message: &[u8]) -> Option<[u8; 32]> {
        match self {
            Self::Secp256k1 => Some(secp256k1::digest(message)),
            Self::Secp256k1Eth => Some(secp256k1eth::digest(message)),
            Self::Ed25519 | Self::Bls12381 | Self::MlDsa65 => None,
        }
    }

    /// The names of all types, for a sentence that says what would be right.
    pub fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_names_mean_their_types() {
        for kind in KeyType::ALL {
            assert_eq!(KeyType::of_name(kind.as_str()), Some(kind));
            assert_eq!(KeyType::of_word(kind.as_str()), Some(kind));
            assert_eq!(KeyType::of_word(kind.word()), Some(kind));
        }
        assert_eq!(KeyType::of_word("consensus"), Some(KeyType::Ed25519));
        assert_eq!(KeyType::of_word("account"), Some(KeyType::Secp256k1));
        assert_eq!(KeyType::of_name("account"), None);
        assert_eq!(KeyType::of_word("sr25519"), None);
    }
}
