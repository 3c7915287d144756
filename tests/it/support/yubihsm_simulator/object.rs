//! Objects: what the device stores, and the secrets in them.

use ed25519_dalek::VerifyingKey;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use sha2::{Digest, Sha512};
use tmkms::backends::yubihsm::protocol::auth_key::AuthKey;
use tmkms::backends::yubihsm::protocol::codes::{algorithm, capability, object};

pub const GENERATED: u8 = 0x01;
pub const IMPORTED: u8 = 0x02;
pub const IMPORTED_WRAPPED: u8 = 0x10;

#[derive(Clone)]
pub struct Object {
    pub id: u16,
    pub kind: u8,
    pub algorithm: u8,
    pub label: [u8; 40],
    pub domains: u16,
    pub capabilities: u64,
    pub delegated: u64,
    pub sequence: u8,
    pub origin: u8,
    pub body: Body,
}

#[derive(Clone)]
pub enum Body {
    Opaque(Vec<u8>),
    Auth(AuthKey),
    /// Clamped scalar, then nonce prefix.
    Ed25519([u8; 64]),
    Secp256k1(k256::ecdsa::SigningKey),
    Wrap(Vec<u8>),
}

pub fn expand(seed: &[u8; 32]) -> [u8; 64] {
    let mut hash: [u8; 64] = Sha512::digest(seed).into();
    hash[0] &= 248;
    hash[31] = (hash[31] & 63) | 64;
    hash
}

pub fn label(text: &str) -> [u8; 40] {
    let mut label = [0; 40];
    label[..text.len()].copy_from_slice(text.as_bytes());
    label
}

impl Body {
    /// From what `put` commands carry.
    pub fn from_put(algorithm: u8, bytes: &[u8]) -> Option<Self> {
        Some(match algorithm {
            algorithm::ED25519 => Self::Ed25519(expand(bytes.try_into().ok()?)),
            algorithm::SECP256K1 => {
                Self::Secp256k1(k256::ecdsa::SigningKey::from_slice(bytes).ok()?)
            }
            algorithm::AES128_YUBICO_AUTHENTICATION => {
                Self::Auth(AuthKey::from_bytes(bytes.try_into().ok()?))
            }
            algorithm::OPAQUE_DATA | algorithm::OPAQUE_X509 if !bytes.is_empty() => {
                Self::Opaque(bytes.to_vec())
            }
            _ if Some(bytes.len()) == wrap_key_length(algorithm) => Self::Wrap(bytes.to_vec()),
            _ => return None,
        })
    }

    pub fn generate(algorithm: u8) -> Option<Self> {
        loop {
            let length = wrap_key_length(algorithm).unwrap_or(32);
            let mut bytes = vec![0; length];
            getrandom::getrandom(&mut bytes).unwrap();
            match algorithm {
                algorithm::ED25519 | algorithm::SECP256K1 => {}
                _ => {
                    wrap_key_length(algorithm)?;
                }
            }
            if let Some(body) = Self::from_put(algorithm, &bytes) {
                return Some(body);
            }
        }
    }

    /// As it lies in a wrapped object.
    pub fn to_wrapped(&self) -> Vec<u8> {
        match self {
            Self::Opaque(bytes) | Self::Wrap(bytes) => bytes.clone(),
            Self::Auth(key) => key.to_bytes().to_vec(),
            Self::Ed25519(expanded) => {
                let mut bytes = expanded.to_vec();
                bytes[..32].reverse();
                bytes.extend(self.public_key().unwrap());
                bytes
            }
            Self::Secp256k1(key) => {
                let mut bytes = key.to_bytes().to_vec();
                bytes.extend(self.public_key().unwrap());
                bytes
            }
        }
    }

    pub fn from_wrapped(kind: u8, algorithm: u8, bytes: &[u8]) -> Option<Self> {
        match (kind, algorithm) {
            (object::ASYMMETRIC_KEY, algorithm::ED25519) => {
                let mut expanded: [u8; 64] = bytes.get(..64)?.try_into().ok()?;
                expanded[..32].reverse();
                let body = Self::Ed25519(expanded);
                (body.public_key().as_deref() == bytes.get(64..)).then_some(body)
            }
            (object::ASYMMETRIC_KEY, algorithm::SECP256K1) => {
                let body = Self::from_put(algorithm, bytes.get(..32)?)?;
                (body.public_key().as_deref() == bytes.get(32..)).then_some(body)
            }
            _ => Self::from_put(algorithm, bytes),
        }
    }

    /// As `get public key` tells it: 32 bytes, or both coordinates.
    pub fn public_key(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(expanded) => {
                let key = ExpandedSecretKey::from_bytes(expanded);
                Some(VerifyingKey::from(&key).to_bytes().to_vec())
            }
            Self::Secp256k1(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                Some(point.as_bytes()[1..].to_vec())
            }
            _ => None,
        }
    }

    pub fn sign_eddsa(&self, message: &[u8]) -> Option<Vec<u8>> {
        let Self::Ed25519(expanded) = self else {
            return None;
        };
        let key = ExpandedSecretKey::from_bytes(expanded);
        let public = VerifyingKey::from(&key);
        Some(raw_sign::<Sha512>(&key, message, &public).to_vec())
    }

    /// DER, with high S as often as not, as a device does.
    pub fn sign_ecdsa(&self, digest: &[u8]) -> Option<Vec<u8>> {
        use k256::ecdsa::signature::hazmat::PrehashSigner;
        let Self::Secp256k1(key) = self else {
            return None;
        };
        let signature: k256::ecdsa::Signature = key.sign_prehash(digest).ok()?;
        let low = signature.normalize_s().unwrap_or(signature);
        let (r, s) = low.split_scalars();
        let s = match digest[0] & 1 {
            0 => s,
            _ => -s,
        };
        let signature = k256::ecdsa::Signature::from_scalars(r.to_bytes(), s.to_bytes()).unwrap();
        Some(signature.to_der().as_bytes().to_vec())
    }
}

pub fn wrap_key_length(algorithm: u8) -> Option<usize> {
    match algorithm {
        algorithm::AES128_CCM_WRAP => Some(16),
        algorithm::AES192_CCM_WRAP => Some(24),
        algorithm::AES256_CCM_WRAP => Some(32),
        _ => None,
    }
}

impl Object {
    /// A key in domain 1 that signs and does nothing else, imported from this seed.
    pub fn ed25519(id: u16, seed: &[u8; 32]) -> Self {
        Self {
            id,
            kind: object::ASYMMETRIC_KEY,
            algorithm: algorithm::ED25519,
            label: [0; 40],
            domains: 1,
            capabilities: capability::SIGN_EDDSA,
            delegated: 0,
            sequence: 0,
            origin: IMPORTED,
            body: Body::Ed25519(expand(seed)),
        }
    }

    /// Bytes as `get object info` counts them: authentication and wrap keys have their delegated capabilities inside.
    pub fn size(&self) -> u16 {
        let delegated = match self.kind {
            object::AUTHENTICATION_KEY | object::WRAP_KEY => 8,
            _ => 0,
        };
        u16::try_from(self.body.to_wrapped().len() + delegated).unwrap()
    }

    /// `get object info` without the delegated capabilities: also what a wrapped object begins with.
    pub fn header(&self) -> Vec<u8> {
        let mut bytes = self.capabilities.to_be_bytes().to_vec();
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(self.size().to_be_bytes());
        bytes.extend(self.domains.to_be_bytes());
        bytes.extend([self.kind, self.algorithm, self.sequence, self.origin]);
        bytes.extend(self.label);
        bytes
    }
}

/// The keys of the factory's password, derived once.
pub fn factory_key() -> AuthKey {
    static KEY: std::sync::OnceLock<AuthKey> = std::sync::OnceLock::new();
    KEY.get_or_init(|| AuthKey::from_password(b"password"))
        .clone()
}
