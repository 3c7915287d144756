//! A public key of any type.

use std::fmt;
use std::sync::Arc;

use super::address::{ValidatorAddress, truncated_sha256};
use super::bls12_381;
use super::digits::Digits;
use super::ed25519;
use super::key_type::KeyType;
use super::ml_dsa_65;
use super::secp256k1;
use super::secp256k1eth;
use super::signature::Signature;

/// A validator's public key. Cheap to clone: what is long is shared.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// 32 bytes.
    Ed25519([u8; 32]),
    /// 33 bytes, compressed.
    Secp256k1([u8; 33]),
    /// 33 bytes, compressed.
    Secp256k1Eth([u8; 33]),
    /// 96 bytes, not compressed.
    Bls12381(Arc<[u8; 96]>),
    /// 1952 bytes, packed.
    MlDsa65(Arc<[u8; 1952]>),
}

/// Why bytes are not a public key of the given type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// The type is not one that this program knows.
    #[error("`{found}` is not a key type that this program knows ({})", KeyType::names(), found = .0)]
    Type(String),
    /// The type is one that this program knows, and was built without.
    #[error("this tmkms was built without keys of type {0}; use a build with the feature {0}")]
    NotBuilt(KeyType),
    /// The length does not fit the type.
    #[error("a public key of type {kind} has {} bytes, this one has {got}", kind.public_length())]
    Length {
        /// The type.
        kind: KeyType,
        /// The length found in bytes.
        got: usize,
    },
    /// The bytes are not a point on the curve.
    #[error("these bytes are not a public key of type {0}: they are not a point on its curve")]
    Point(KeyType),
}

impl PublicKey {
    /// Reads a key of the type that CometBFT calls `kind`.
    ///
    /// # Errors
    /// Another type, another length, or no key.
    pub fn from_bytes(kind: &str, bytes: &[u8]) -> Result<Self, PublicKeyError> {
        match KeyType::of_name(kind) {
            Some(kind) => Self::of_type(kind, bytes),
            None => Err(PublicKeyError::Type(kind.to_owned())),
        }
    }

    /// Reads a key of this type.
    ///
    /// # Errors
    /// Another length, no key, or a type that this build has not.
    pub fn of_type(kind: KeyType, bytes: &[u8]) -> Result<Self, PublicKeyError> {
        if !kind.is_built() {
            return Err(PublicKeyError::NotBuilt(kind));
        }
        let got = bytes.len();
        let length = |_| PublicKeyError::Length { kind, got };
        let (key, is_key) = match kind {
            KeyType::Ed25519 => {
                let key = bytes.try_into().map_err(length)?;
                (Self::Ed25519(key), ed25519::is_key(bytes))
            }
            KeyType::Secp256k1 => {
                let key = bytes.try_into().map_err(length)?;
                (Self::Secp256k1(key), secp256k1::is_key(bytes))
            }
            KeyType::Secp256k1Eth => {
                let key = bytes.try_into().map_err(length)?;
                (Self::Secp256k1Eth(key), secp256k1eth::is_key(bytes))
            }
            KeyType::Bls12381 => {
                let key = <[u8; 96]>::try_from(bytes).map_err(length)?;
                (Self::Bls12381(Arc::new(key)), bls12_381::is_key(bytes))
            }
            KeyType::MlDsa65 => {
                let key = <[u8; 1952]>::try_from(bytes).map_err(length)?;
                (Self::MlDsa65(Arc::new(key)), ml_dsa_65::is_key(bytes))
            }
        };
        match is_key {
            true => Ok(key),
            false => Err(PublicKeyError::Point(kind)),
        }
    }

    /// The algorithm.
    pub fn key_type(&self) -> KeyType {
        match self {
            Self::Ed25519(_) => KeyType::Ed25519,
            Self::Secp256k1(_) => KeyType::Secp256k1,
            Self::Secp256k1Eth(_) => KeyType::Secp256k1Eth,
            Self::Bls12381(_) => KeyType::Bls12381,
            Self::MlDsa65(_) => KeyType::MlDsa65,
        }
    }

    /// The key's bytes, [`KeyType::public_length`] of them.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) => bytes,
            Self::Secp256k1(bytes) | Self::Secp256k1Eth(bytes) => bytes,
            Self::Bls12381(bytes) => bytes.as_slice(),
            Self::MlDsa65(bytes) => bytes.as_slice(),
        }
    }

    /// The address that consensus knows the validator by (`Address()` in CometBFT's `crypto/`): 20 bytes of SHA-256 for most
    /// types, RIPEMD-160 of SHA-256 for secp256k1, and Ethereum's for secp256k1eth.
    pub fn address(&self) -> ValidatorAddress {
        ValidatorAddress(match self {
            Self::Ed25519(key) => truncated_sha256(key),
            Self::Secp256k1(key) => secp256k1::address(key),
            Self::Secp256k1Eth(key) => secp256k1eth::address(key),
            Self::Bls12381(key) => bls12_381::address(key.as_slice()),
            Self::MlDsa65(key) => ml_dsa_65::address(key.as_slice()),
        })
    }

    /// Whether `signature` is this key's signature of `message`, as CometBFT verifies it; Ed25519 more strictly (no small-order
    /// keys).
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        let signature = signature.as_slice();
        match self {
            Self::Ed25519(key) => ed25519::verify(key, message, signature),
            Self::Secp256k1(key) => secp256k1::verify(key, message, signature),
            Self::Secp256k1Eth(key) => secp256k1eth::verify(key, message, signature),
            Self::Bls12381(key) => bls12_381::verify(key.as_slice(), message, signature),
            Self::MlDsa65(key) => ml_dsa_65::verify(key.as_slice(), message, signature),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key_type(), Digits(self.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_and_types_are_named() {
        for kind in KeyType::ALL {
            let short = vec![0; kind.public_length() - 1];
            let got = short.len();
            let error = PublicKey::of_type(kind, &short).unwrap_err();
            assert_eq!(error, PublicKeyError::Length { kind, got });
        }
        for kind in [KeyType::Secp256k1, KeyType::Secp256k1Eth, KeyType::Bls12381] {
            let bytes = vec![9; kind.public_length()];
            let error = PublicKey::of_type(kind, &bytes).unwrap_err();
            assert_eq!(error, PublicKeyError::Point(kind));
        }
        assert!(matches!(
            PublicKey::from_bytes("sr25519", &[0; 32]),
            Err(PublicKeyError::Type(_))
        ));
    }

    /// The zero of G1, and a point of the curve outside of the group.
    #[test]
    fn no_bls_key_is_outside_of_its_group() {
        let mut zero = [0; 96];
        zero[0] = 0x40;
        let error = PublicKey::of_type(KeyType::Bls12381, &zero).unwrap_err();
        assert_eq!(error, PublicKeyError::Point(KeyType::Bls12381));
        // x = 0, y = 2 is on the curve y² = x³ + 4, and not in the group.
        let mut on_curve = [0; 96];
        on_curve[95] = 2;
        let error = PublicKey::of_type(KeyType::Bls12381, &on_curve).unwrap_err();
        assert_eq!(error, PublicKeyError::Point(KeyType::Bls12381));
    }
}
