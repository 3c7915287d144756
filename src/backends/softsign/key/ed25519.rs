//! Ed25519 keys, in the three forms that files have of them.

use curve25519_dalek::Scalar;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use sha2::Sha512;
use zeroize::Zeroizing;

use crate::consensus::PublicKey;

use super::error::SoftKeyError;
use super::secret::SigningSecret;

/// A key of a seed.
struct Seed(SigningKey);

/// A key of which only scalar and nonce prefix are known, as a YubiHSM exports it.
struct Expanded {
    key: ExpandedSecretKey,
    public: VerifyingKey,
    /// As they were read: the scalar in `key` is reduced, and is no clamped one any more.
    bytes: Zeroizing<[u8; 64]>,
}

impl SigningSecret for Seed {
    fn public_key(&self) -> PublicKey {
        PublicKey::Ed25519(self.0.verifying_key().to_bytes())
    }

    fn make(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.0
            .try_sign(bytes)
            .ok()
            .map(|signature| signature.to_vec())
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.as_bytes().to_vec())
    }

    fn scalar(&self) -> Option<Scalar> {
        Some(self.0.to_scalar())
    }

    fn seed(&self) -> Option<Zeroizing<[u8; 32]>> {
        Some(Zeroizing::new(self.0.to_bytes()))
    }
}

impl SigningSecret for Expanded {
    fn public_key(&self) -> PublicKey {
        PublicKey::Ed25519(self.public.to_bytes())
    }

    fn make(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        Some(raw_sign::<Sha512>(&self.key, bytes, &self.public).to_vec())
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.bytes.to_vec())
    }

    fn scalar(&self) -> Option<Scalar> {
        Some(self.key.scalar)
    }
}

/// Reads any of the forms.
pub(super) fn read(bytes: &[u8]) -> Result<Box<dyn SigningSecret>, SoftKeyError> {
    match bytes.len() {
        32 => {
            let seed = Zeroizing::new(<[u8; 32]>::try_from(bytes).unwrap_or_default());
            Ok(Box::new(Seed(SigningKey::from_bytes(&seed))))
        }
        64 => match seed_and_public(bytes) {
            Some(key) => Ok(Box::new(key)),
            None => Ok(Box::new(expanded(bytes)?)),
        },
        96 => Ok(Box::new(yubihsm(bytes)?)),
        got => Err(SoftKeyError::Length {
            got,
            wanted: "an Ed25519 key has 32 (seed), 64 (seed and public key, or expanded) or 96 (as a YubiHSM exports it)",
        }),
    }
}

/// The seed of what stands in CometBFT's JSON: seed and public key, which belong together.
pub(super) fn of_json(bytes: &[u8]) -> Result<&[u8], SoftKeyError> {
    let seed = bytes.get(..32).filter(|_| bytes.len() == 64);
    let seed = seed.ok_or(SoftKeyError::Length {
        got: bytes.len(),
        wanted: "an Ed25519 priv_key in JSON has 64: seed and public key",
    })?;
    match seed_and_public(bytes) {
        Some(_) => Ok(seed),
        None => Err(SoftKeyError::Mismatch("second half of priv_key")),
    }
}

/// Go's form, which cosmos/kms reads from base64: the seed, then its public key. That the second half is the public key
/// of the first cannot be chance.
fn seed_and_public(bytes: &[u8]) -> Option<Seed> {
    let seed = Zeroizing::new(<[u8; 32]>::try_from(bytes.get(..32)?).ok()?);
    let key = SigningKey::from_bytes(&seed);
    (bytes.get(32..) == Some(key.verifying_key().as_bytes().as_slice())).then_some(Seed(key))
}

/// The clamped scalar, then the nonce prefix.
fn expanded(bytes: &[u8]) -> Result<Expanded, SoftKeyError> {
    let bytes = <&[u8; 64]>::try_from(bytes)
        .map_err(|_| SoftKeyError::Invalid("an expanded key has 64 bytes"))?;
    let clamped = bytes.first().is_some_and(|byte| byte & 0b111 == 0)
        && bytes
            .get(31)
            .is_some_and(|byte| byte & 0b1100_0000 == 0b0100_0000);
    if !clamped {
        return Err(SoftKeyError::Invalid(
            "64 bytes are expected to be a clamped scalar and a nonce prefix, or a seed and its public key",
        ));
    }
    let key = ExpandedSecretKey::from_bytes(bytes);
    let public = VerifyingKey::from(&key);
    Ok(Expanded {
        key,
        public,
        bytes: Zeroizing::new(*bytes),
    })
}

/// The scalar in reversed order, the nonce prefix, and the public key.
fn yubihsm(bytes: &[u8]) -> Result<Expanded, SoftKeyError> {
    let (secret, public) = bytes.split_at_checked(64).unwrap_or_default();
    let mut secret = Zeroizing::new(secret.to_vec());
    if let Some(scalar) = secret.get_mut(..32) {
        scalar.reverse();
    }
    let key = expanded(&secret)?;
    match key.public.as_bytes() == public {
        true => Ok(key),
        false => Err(SoftKeyError::Mismatch("public key")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::soft_key::SoftKey;
    use super::*;
    use crate::consensus::KeyType;

    /// The expanded form of a seed's key (RFC 8032, 5.1.5).
    fn expand(seed: &[u8; 32]) -> [u8; 64] {
        use sha2::Digest;
        let mut hash: [u8; 64] = Sha512::digest(seed).into();
        hash[0] &= 248;
        hash[31] = (hash[31] & 127) | 64;
        hash
    }

    #[test]
    fn three_forms_of_one_key_sign_alike() {
        let seed = [3; 32];
        let one = SoftKey::from_bytes(&seed, KeyType::Ed25519).unwrap();
        let two = SoftKey::from_bytes(&expand(&seed), KeyType::Ed25519).unwrap();
        let mut exported = expand(&seed).to_vec();
        exported[..32].reverse();
        exported.extend_from_slice(one.public_key().as_bytes());
        let three = SoftKey::from_bytes(&exported, KeyType::Ed25519).unwrap();
        for key in [&one, &two, &three] {
            assert_eq!(key.public_key(), one.public_key());
            assert_eq!(key.sign_bytes(b"x").unwrap(), one.sign_bytes(b"x").unwrap());
            // Its file is read again, and signs alike.
            let again = SoftKey::from_base64(&key.to_base64(), KeyType::Ed25519).unwrap();
            assert_eq!(
                again.sign_bytes(b"x").unwrap(),
                one.sign_bytes(b"x").unwrap()
            );
        }
        exported[95] ^= 1;
        let wrong = SoftKey::from_bytes(&exported, KeyType::Ed25519).err();
        assert_eq!(wrong, Some(SoftKeyError::Mismatch("public key")));
    }
}
