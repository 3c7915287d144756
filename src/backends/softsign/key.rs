//! A private key in memory, and the forms in which files hold it.

use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{SigningKey, VerifyingKey};
use k256::ecdsa::signature::Signer as _;
use serde::Deserialize;
use sha2::Sha512;
use subtle_encoding::{base64, hex};
use zeroize::Zeroizing;

use crate::consensus::{PublicKey, Signature};
use crate::secret_file::kind::{self, FileKind};

/// What a key is for, in the words of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Ed25519.
    #[default]
    Consensus,
    /// secp256k1; it signs consensus messages all the same.
    Account,
}

/// A private key. Wiped when dropped.
pub enum SoftKey {
    /// An Ed25519 key of a seed.
    Seed(SigningKey),
    /// An Ed25519 key of which only scalar and nonce prefix are known, as a YubiHSM exports it.
    Expanded(ExpandedSecretKey, VerifyingKey),
    /// A secp256k1 key.
    Secp256k1(Box<k256::ecdsa::SigningKey>),
}

/// Why bytes are not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoftKeyError {
    /// It is something else, and known as that.
    #[error("{0}")]
    OtherKind(FileKind),
    /// Not base64.
    #[error("it is not base64 with padding")]
    NotBase64,
    /// A length that no key has.
    #[error("it holds {got} bytes, and {wanted}")]
    Length {
        /// The number of bytes found.
        got: usize,
        /// What would be right.
        wanted: &'static str,
    },
    /// The bytes are of the right length and still no key.
    #[error("its bytes are not a private key: {0}")]
    Invalid(&'static str),
    /// The JSON is not that of `priv_validator_key.json`.
    #[error("it is not the JSON of a priv_validator_key.json: {0}")]
    Json(String),
    /// The JSON names a key type that this program does not sign with, or not the configured one.
    #[error("it holds a key of type {found}, and {wanted}")]
    Type {
        /// The type in the file.
        found: String,
        /// What would be right.
        wanted: &'static str,
    },
    /// The public key or address in the file belongs to another private key.
    #[error("its {0} does not belong to its private key: the file was edited or damaged")]
    Mismatch(&'static str),
    /// The signature could not be made.
    #[error("the signature could not be computed")]
    Sign,
}

impl SoftKey {
    /// A new key of 32 fresh random bytes; gives the text of its file, too.
    pub fn generate(purpose: Purpose) -> Result<(Self, Zeroizing<Vec<u8>>), getrandom::Error> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        loop {
            getrandom::getrandom(&mut *seed)?;
            // One in 2^128 of random strings is not a secp256k1 scalar.
            if let Ok(key) = Self::from_bytes(&*seed, purpose) {
                let mut text = Zeroizing::new(base64::encode(seed.as_slice()));
                text.push(b'\n');
                return Ok((key, text));
            }
        }
    }

    /// Reads base64, with or without a line end and a byte order mark.
    pub fn from_base64(text: &[u8], purpose: Purpose) -> Result<Self, SoftKeyError> {
        let bytes = crate::text::base64::decode(kind::text(text)).map(Zeroizing::new);
        let key = bytes
            .ok_or(SoftKeyError::NotBase64)
            .and_then(|bytes| Self::from_bytes(&bytes, purpose));
        key.map_err(|error| match kind::look(text) {
            None | Some(FileKind::Base64) => error,
            Some(other) => SoftKeyError::OtherKind(other),
        })
    }

    /// Reads the bytes of a key.
    pub fn from_bytes(bytes: &[u8], purpose: Purpose) -> Result<Self, SoftKeyError> {
        let got = bytes.len();
        match purpose {
            Purpose::Account => match got {
                32 => secp256k1(bytes),
                _ => Err(SoftKeyError::Length {
                    got,
                    wanted: "a secp256k1 key has 32",
                }),
            },
            Purpose::Consensus => match got {
                32 => {
                    let seed = Zeroizing::new(<[u8; 32]>::try_from(bytes).unwrap_or_default());
                    Ok(Self::Seed(SigningKey::from_bytes(&seed)))
                }
                64 => match seed_and_public(bytes) {
                    Some(key) => Ok(key),
                    None => expanded(bytes),
                },
                96 => yubihsm(bytes),
                _ => Err(SoftKeyError::Length {
                    got,
                    wanted: "an Ed25519 key has 32 (seed), 64 (seed and public key, or expanded) or 96 (as a YubiHSM exports it)",
                }),
            },
        }
    }

    /// Reads CometBFT's `priv_validator_key.json` and checks that its three parts belong together.
    pub fn from_json(text: &[u8], purpose: Purpose) -> Result<Self, SoftKeyError> {
        match kind::look(text) {
            // One that this program signs with.
            Some(FileKind::KeyJson(
                kind::KeyAlgorithm::Ed25519 | kind::KeyAlgorithm::Secp256k1,
            ))
            | None => {}
            Some(other) => return Err(SoftKeyError::OtherKind(other)),
        }
        let file: KeyJson = serde_json::from_slice(kind::text(text)).map_err(|error| {
            // Only the place: the words of the parser quote values, and here values are secrets.
            SoftKeyError::Json(format!("line {}, column {}", error.line(), error.column()))
        })?;
        let secret = crate::text::base64::decode(file.priv_key.value.as_bytes())
            .map(Zeroizing::new)
            .ok_or_else(|| SoftKeyError::Json("priv_key is not base64".to_owned()))?;
        let key = match (&*file.priv_key.kind, purpose) {
            ("tendermint/PrivKeyEd25519", Purpose::Consensus) => {
                let seed = secret.get(..32).filter(|_| secret.len() == 64);
                let seed = seed.ok_or(SoftKeyError::Length {
                    got: secret.len(),
                    wanted: "an Ed25519 priv_key in JSON has 64: seed and public key",
                })?;
                Self::from_bytes(seed, purpose)?
            }
            ("tendermint/PrivKeySecp256k1", Purpose::Account) => {
                Self::from_bytes(&secret, purpose)?
            }
            (found, Purpose::Consensus) => {
                let wanted = "this section wants tendermint/PrivKeyEd25519; for a secp256k1 key set \
                              `key_type = \"account\"`";
                return Err(SoftKeyError::Type {
                    found: found.to_owned(),
                    wanted,
                });
            }
            (found, Purpose::Account) => {
                let wanted = "this section wants tendermint/PrivKeySecp256k1; for an Ed25519 key set \
                              `key_type = \"consensus\"`";
                return Err(SoftKeyError::Type {
                    found: found.to_owned(),
                    wanted,
                });
            }
        };
        let public = key.public_key();
        let stated = crate::text::base64::decode(file.pub_key.value.as_bytes()).unwrap_or_default();
        if stated != public.as_bytes() {
            return Err(SoftKeyError::Mismatch("pub_key"));
        }
        if secret.len() == 64 && secret.get(32..) != Some(public.as_bytes()) {
            return Err(SoftKeyError::Mismatch("second half of priv_key"));
        }
        if hex::decode(file.address.to_ascii_lowercase()).unwrap_or_default()
            != public.address().as_bytes()
        {
            return Err(SoftKeyError::Mismatch("address"));
        }
        Ok(key)
    }

    /// The text of a key file that holds this key: base64 of its shortest form, and a line end.
    pub fn to_base64(&self) -> Zeroizing<Vec<u8>> {
        let bytes = Zeroizing::new(match self {
            Self::Seed(key) => key.to_bytes().to_vec(),
            Self::Expanded(key, _) => {
                let mut bytes = key.scalar.to_bytes().to_vec();
                bytes.extend_from_slice(&key.hash_prefix);
                bytes
            }
            Self::Secp256k1(key) => key.to_bytes().to_vec(),
        });
        let mut text = Zeroizing::new(base64::encode(bytes.as_slice()));
        text.push(b'\n');
        text
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::Seed(key) => PublicKey::Ed25519(key.verifying_key().to_bytes()),
            Self::Expanded(_, public) => PublicKey::Ed25519(public.to_bytes()),
            Self::Secp256k1(key) => {
                let point = key.verifying_key().to_encoded_point(true);
                let mut bytes = [0; 33];
                bytes
                    .iter_mut()
                    .zip(point.as_bytes())
                    .for_each(|(to, from)| *to = *from);
                PublicKey::Secp256k1(bytes)
            }
        }
    }

    /// Signs. Private to the backend: the program signs with permits only.
    pub(super) fn sign_bytes(&self, bytes: &[u8]) -> Result<Signature, SoftKeyError> {
        Ok(Signature::from_bytes(match self {
            Self::Seed(key) => ed25519_dalek::Signer::try_sign(key, bytes)
                .map_err(|_| SoftKeyError::Sign)?
                .to_vec(),
            Self::Expanded(key, public) => raw_sign::<Sha512>(key, bytes, public).to_vec(),
            Self::Secp256k1(key) => {
                let signature: k256::ecdsa::Signature =
                    key.try_sign(bytes).map_err(|_| SoftKeyError::Sign)?;
                signature
                    .normalize_s()
                    .unwrap_or(signature)
                    .to_bytes()
                    .to_vec()
            }
        }))
    }
}

fn secp256k1(bytes: &[u8]) -> Result<SoftKey, SoftKeyError> {
    k256::ecdsa::SigningKey::from_slice(bytes)
        .map(|key| SoftKey::Secp256k1(Box::new(key)))
        .map_err(|_| SoftKeyError::Invalid("zero, or above the order of secp256k1"))
}

/// Go's form, which cosmos/kms reads from base64: the seed, then its public key. That the second half is the public key
/// of the first cannot be chance.
fn seed_and_public(bytes: &[u8]) -> Option<SoftKey> {
    let seed = Zeroizing::new(<[u8; 32]>::try_from(bytes.get(..32)?).ok()?);
    let key = SigningKey::from_bytes(&seed);
    (bytes.get(32..) == Some(key.verifying_key().as_bytes().as_slice()))
        .then_some(SoftKey::Seed(key))
}

/// The clamped scalar, then the nonce prefix.
fn expanded(bytes: &[u8]) -> Result<SoftKey, SoftKeyError> {
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
    Ok(SoftKey::Expanded(key, public))
}

/// The scalar in reversed order, the nonce prefix, and the public key.
fn yubihsm(bytes: &[u8]) -> Result<SoftKey, SoftKeyError> {
    let (secret, public) = bytes.split_at(64);
    let mut secret = Zeroizing::new(secret.to_vec());
    if let Some(scalar) = secret.get_mut(..32) {
        scalar.reverse();
    }
    let key = expanded(&secret)?;
    match key.public_key().as_bytes() == public {
        true => Ok(key),
        false => Err(SoftKeyError::Mismatch("public key")),
    }
}

#[derive(Deserialize)]
struct KeyJson {
    address: String,
    pub_key: Typed,
    priv_key: TypedSecret,
}

#[derive(Deserialize)]
struct Typed {
    value: String,
}

#[derive(Deserialize)]
struct TypedSecret {
    #[serde(rename = "type")]
    kind: String,
    value: Zeroizing<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(key: &SoftKey) {
        let signature = key.sign_bytes(b"vote").unwrap();
        assert!(key.public_key().verify(b"vote", &signature));
        assert!(!key.public_key().verify(b"veto", &signature));
    }

    /// The expanded form of a seed's key (RFC 8032, 5.1.5).
    fn expand(seed: &[u8; 32]) -> [u8; 64] {
        use sha2::Digest;
        let mut hash: [u8; 64] = Sha512::digest(seed).into();
        hash[0] &= 248;
        hash[31] = (hash[31] & 127) | 64;
        hash
    }

    #[test]
    fn three_forms_of_one_ed25519_key_sign_alike() {
        let seed = [3; 32];
        let one = SoftKey::from_bytes(&seed, Purpose::Consensus).unwrap();
        let two = SoftKey::from_bytes(&expand(&seed), Purpose::Consensus).unwrap();
        let mut exported = expand(&seed).to_vec();
        exported[..32].reverse();
        exported.extend_from_slice(one.public_key().as_bytes());
        let three = SoftKey::from_bytes(&exported, Purpose::Consensus).unwrap();
        for key in [&one, &two, &three] {
            signs(key);
            assert_eq!(key.public_key(), one.public_key());
            assert_eq!(key.sign_bytes(b"x").unwrap(), one.sign_bytes(b"x").unwrap());
        }
        exported[95] ^= 1;
        let wrong = SoftKey::from_bytes(&exported, Purpose::Consensus).err();
        assert_eq!(wrong, Some(SoftKeyError::Mismatch("public key")));
    }

    #[test]
    fn generated_keys_are_read_back() {
        for purpose in [Purpose::Consensus, Purpose::Account] {
            let (key, text) = SoftKey::generate(purpose).unwrap();
            let again = SoftKey::from_base64(&text, purpose).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            signs(&again);
        }
    }

    #[test]
    fn common_mistakes_are_named() {
        let error = |bytes: &[u8]| {
            SoftKey::from_base64(bytes, Purpose::Consensus)
                .err()
                .unwrap()
        };
        let digits = "ab".repeat(32);
        let hex = FileKind::Hex {
            bytes: 32,
            prefix: false,
        };
        assert_eq!(error(digits.as_bytes()), SoftKeyError::OtherKind(hex));
        assert_eq!(error(b"not base64!"), SoftKeyError::NotBase64);
        assert!(matches!(
            error(&base64::encode([1; 31])),
            SoftKeyError::Length { got: 31, .. }
        ));
        let seed_and_public = [[1_u8; 32], [255; 32]].concat();
        assert!(matches!(
            error(&base64::encode(seed_and_public)),
            SoftKeyError::Invalid(_)
        ));
        let zero = SoftKey::from_bytes(&[0; 32], Purpose::Account).err();
        assert!(matches!(zero, Some(SoftKeyError::Invalid(_))));
    }

    #[test]
    fn errors_quote_no_secret() {
        for text in [
            r#"{"address":"","pub_key":{"value":""},"priv_key":"c2VjcmV0"}"#,
            r#"{"address":"","pub_key":{"value":""},"priv_key":{"type":"c2VjcmV0/+=","value":""}}"#,
            r#"{"address":"","pub_key":{"value":""},"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"c2VjcmV0"}}"#,
            r#"{"priv_key":{"value":"c2VjcmV0"}"#,
        ] {
            let error = SoftKey::from_json(text.as_bytes(), Purpose::Consensus);
            let error = error.err().unwrap();
            assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
            assert!(!format!("{error:?}").contains("c2VjcmV0"), "{error:?}");
        }
    }

    #[test]
    fn json_parts_must_belong_together() {
        let key = SoftKey::from_bytes(&[5; 32], Purpose::Consensus).unwrap();
        let public = key.public_key();
        let b64 = |bytes: &[u8]| String::from_utf8(base64::encode(bytes)).unwrap();
        let json = |address: String, public_text: String, secret: Vec<u8>| {
            format!(
                r#"{{"address":"{address}","pub_key":{{"type":"tendermint/PubKeyEd25519","value":"{public_text}"}},
                "priv_key":{{"type":"tendermint/PrivKeyEd25519","value":"{}"}}}}"#,
                b64(&secret)
            )
        };
        let secret = [&[5; 32][..], public.as_bytes()].concat();
        let address = public.address().to_string();
        let good = json(address.clone(), b64(public.as_bytes()), secret.clone());
        signs(&SoftKey::from_json(good.as_bytes(), Purpose::Consensus).unwrap());
        let account = SoftKey::from_json(good.as_bytes(), Purpose::Account).err();
        assert!(matches!(account, Some(SoftKeyError::Type { .. })));
        let other = json(address.clone(), b64(&[9; 32]), secret.clone());
        let error = SoftKey::from_json(other.as_bytes(), Purpose::Consensus).err();
        assert_eq!(error, Some(SoftKeyError::Mismatch("pub_key")));
        let other = json("00".repeat(20), b64(public.as_bytes()), secret);
        let error = SoftKey::from_json(other.as_bytes(), Purpose::Consensus).err();
        assert_eq!(error, Some(SoftKeyError::Mismatch("address")));
    }
}
