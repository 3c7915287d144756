//! Public keys, signatures and addresses of validators.

use std::fmt;

use ed25519_dalek::VerifyingKey;
use k256::ecdsa::signature::Verifier;
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};

/// The algorithms that a consensus key may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over secp256k1 and SHA-256, `R‖S` with low S.
    Secp256k1,
}

impl KeyType {
    /// The type string of CometBFT (`crypto/*/`): `ed25519`, `secp256k1`.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyType::Ed25519 => "ed25519",
            KeyType::Secp256k1 => "secp256k1",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A validator's public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// 32 bytes.
    Ed25519([u8; 32]),
    /// 33 bytes, compressed.
    Secp256k1([u8; 33]),
}

/// Why bytes are not a public key of the given type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// The type is not one that this program knows.
    #[error("`{0}` is not a key type that this program knows (ed25519, secp256k1)")]
    Type(String),
    /// The length does not fit the type.
    #[error("a public key of type {kind} has {expected} bytes, this one has {got}")]
    Length {
        /// The type.
        kind: KeyType,
        /// The length of keys of this type in bytes.
        expected: usize,
        /// The length found in bytes.
        got: usize,
    },
    /// The bytes are not a point on the curve.
    #[error("these bytes are not a public key of type {0}: they are not a point on its curve")]
    Point(KeyType),
}

impl PublicKey {
    /// Reads a key of the type that CometBFT calls `kind`.
    pub fn from_bytes(kind: &str, bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let length = |kind, expected| PublicKeyError::Length {
            kind,
            expected,
            got: bytes.len(),
        };
        match kind {
            "ed25519" => {
                let key = bytes.try_into().map_err(|_| length(KeyType::Ed25519, 32))?;
                VerifyingKey::from_bytes(&key)
                    .map_err(|_| PublicKeyError::Point(KeyType::Ed25519))?;
                Ok(Self::Ed25519(key))
            }
            "secp256k1" => {
                let key = bytes
                    .try_into()
                    .map_err(|_| length(KeyType::Secp256k1, 33))?;
                k256::ecdsa::VerifyingKey::from_sec1_bytes(bytes)
                    .map_err(|_| PublicKeyError::Point(KeyType::Secp256k1))?;
                Ok(Self::Secp256k1(key))
            }
            other => Err(PublicKeyError::Type(other.to_owned())),
        }
    }

    /// The algorithm.
    pub fn key_type(&self) -> KeyType {
        match self {
            Self::Ed25519(_) => KeyType::Ed25519,
            Self::Secp256k1(_) => KeyType::Secp256k1,
        }
    }

    /// The key's bytes: 32 or 33.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) => bytes,
            Self::Secp256k1(bytes) => bytes,
        }
    }

    /// The address that consensus knows the validator by (`Address()` in CometBFT's `crypto/`): 20 bytes of
    /// SHA-256 for Ed25519, RIPEMD-160 of SHA-256 for secp256k1.
    pub fn address(&self) -> ValidatorAddress {
        let hash = Sha256::digest(self.as_bytes());
        let mut address = [0; 20];
        match self {
            Self::Ed25519(_) => address
                .iter_mut()
                .zip(hash)
                .for_each(|(to, from)| *to = from),
            Self::Secp256k1(_) => {
                address
                    .iter_mut()
                    .zip(Ripemd160::digest(hash))
                    .for_each(|(to, from)| *to = from);
            }
        }
        ValidatorAddress(address)
    }

    /// Whether `signature` is this key's signature of `message`. Ed25519 strictly (no small-order keys), ECDSA
    /// with low S only, as CometBFT verifies it.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        match self {
            Self::Ed25519(key) => {
                let Ok(key) = VerifyingKey::from_bytes(key) else {
                    return false;
                };
                let Ok(bytes) = <[u8; 64]>::try_from(signature.as_slice()) else {
                    return false;
                };
                key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&bytes))
                    .is_ok()
            }
            Self::Secp256k1(key) => {
                let Ok(key) = k256::ecdsa::VerifyingKey::from_sec1_bytes(key) else {
                    return false;
                };
                let Ok(parsed) = k256::ecdsa::Signature::from_slice(signature.as_slice()) else {
                    return false;
                };
                parsed.normalize_s().is_none() && key.verify(message, &parsed).is_ok()
            }
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key_type(), Hex(self.as_bytes()))
    }
}

/// A signature, in the encoding that consensus expects of the key's type: 64 bytes for both types so far.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// Takes the bytes as they are; only [`PublicKey::verify`] tells whether they are worth anything.
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
        write!(f, "Signature({})", Hex(&self.0))
    }
}

/// A validator's address. Displayed as 40 upper-case hexadecimal digits, as nodes do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValidatorAddress([u8; 20]);

impl ValidatorAddress {
    /// The 20 bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for ValidatorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Hex(&self.0))
    }
}

impl fmt::Debug for ValidatorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Hex(&self.0))
    }
}

/// Shows bytes as upper-case hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::Signer;

    #[test]
    fn ed25519_verifies_its_own_and_nothing_else() {
        let secret = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let key = PublicKey::Ed25519(secret.verifying_key().to_bytes());
        let signature = Signature::from_bytes(secret.sign(b"vote").to_bytes().to_vec());
        assert!(key.verify(b"vote", &signature));
        assert!(!key.verify(b"other", &signature));
        assert!(!key.verify(b"vote", &Signature::from_bytes(vec![0; 63])));
    }

    #[test]
    fn ecdsa_with_high_s_is_refused() {
        let secret = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let point = secret.verifying_key().to_encoded_point(true);
        let key = PublicKey::from_bytes("secp256k1", point.as_bytes()).unwrap();
        let low: k256::ecdsa::Signature = secret.sign(b"vote");
        let low = low.normalize_s().unwrap_or(low);
        assert!(key.verify(b"vote", &Signature::from_bytes(low.to_bytes().to_vec())));
        let (r, s) = low.split_scalars();
        let high = k256::ecdsa::Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).unwrap();
        assert!(!key.verify(b"vote", &Signature::from_bytes(high.to_bytes().to_vec())));
    }

    #[test]
    fn wrong_lengths_and_types_are_named() {
        assert!(matches!(
            PublicKey::from_bytes("ed25519", &[0; 31]),
            Err(PublicKeyError::Length { .. })
        ));
        assert!(matches!(
            PublicKey::from_bytes("secp256k1", &[9; 33]),
            Err(PublicKeyError::Point(_))
        ));
        assert!(matches!(
            PublicKey::from_bytes("sr25519", &[0; 32]),
            Err(PublicKeyError::Type(_))
        ));
    }
}
