//! Keys in PEM: what OpenSSL writes, plain and encrypted, and what this program encrypts.
//!
//! An Ed25519 key of a seed (RFC 8410) and a secp256k1 key (RFC 5915) are PKCS#8, which OpenSSL reads. A key that came out of a
//! YubiHSM has no seed and with that no form there: it is encrypted in the same way, and only this program reads it.

use k256::SecretKey;
use pkcs8::der::Encode;
use pkcs8::der::asn1::AnyRef;
use pkcs8::{AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfo};
use zeroize::Zeroizing;

use crate::consensus::{KeyType, PublicKey, key_text};
use crate::secret_file::kind::{self, Armour, FileKind, KeyAlgorithm};
use crate::secret_file::sealed::block::{KeyBlock, KeyLabel, NotOneKey};
use crate::secret_file::sealed::pbes2::{self, NotOpened, NotSealed};
use crate::text::base64;

use super::key::{SoftKey, SoftKeyError};
use super::passphrase::Passphrase;

/// id-Ed25519 (RFC 8410).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// id-ecPublicKey (RFC 5480).
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// secp256k1 (SEC 2).
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");
/// An octet string of 32 bytes within that of PKCS#8 (RFC 8410, section 7).
const SEED: [u8; 2] = [0x04, 0x20];

/// Why a PEM file gives no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemKeyError {
    /// It is something else, and known as that.
    #[error("{0}")]
    OtherKind(FileKind),
    /// Not one key.
    #[error("{0}")]
    NotOne(NotOneKey),
    /// Nobody has given its passphrase.
    #[error("it is encrypted with a passphrase")]
    Encrypted,
    /// It has none, and one was given.
    #[error("it is not encrypted")]
    NotEncrypted,
    /// It does not open.
    #[error("{0}")]
    NotOpened(NotOpened),
    /// What is in it is no key.
    #[error("{0}")]
    Key(SoftKeyError),
}

impl PemKeyError {
    /// Whether it says nothing of the file, which may open the next time.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Key(SoftKeyError::NoThread(_)))
    }
}

impl From<SoftKeyError> for PemKeyError {
    fn from(error: SoftKeyError) -> Self {
        Self::Key(error)
    }
}

/// A key as it was read.
pub struct PemKey {
    /// The key.
    pub key: SoftKey,
    /// Whether a passphrase protects it that can be tried out quickly.
    pub weak: bool,
}

/// Whether a file is PEM with a key that a passphrase opens.
pub fn is_encrypted(bytes: &[u8]) -> bool {
    KeyBlock::read(bytes).is_ok_and(|block| block.label.is_encrypted())
}

/// Whether a file is PEM with a key.
pub fn is_pem(bytes: &[u8]) -> bool {
    !matches!(KeyBlock::read(bytes), Err(NotOneKey::None))
}

/// The public key that an encrypted file of this program states, for a key of this type. Whether it is that of the key inside
/// only the passphrase shows.
pub fn stated(bytes: &[u8], kind: KeyType) -> Option<PublicKey> {
    let block = KeyBlock::read(bytes).ok()?;
    let stated = block.public_key.filter(|_| block.label.is_encrypted())?;
    key_text::of_json(&stated, kind)
}

/// Reads the key in a PEM file: with its passphrase, if it is encrypted, and only then. A key of secp256k1 that states no public
/// key is of the type that is `wanted`, if that is one of the two.
pub fn read(
    bytes: &[u8],
    passphrase: Option<&Passphrase>,
    wanted: Option<KeyType>,
) -> Result<PemKey, PemKeyError> {
    let block = KeyBlock::read(bytes).map_err(|error| match error {
        NotOneKey::None => match kind::look(bytes) {
            Some(kind) => PemKeyError::OtherKind(kind),
            None => PemKeyError::NotOne(error),
        },
        _ => PemKeyError::NotOne(error),
    })?;
    if block.label == KeyLabel::EncryptedShare {
        return Err(PemKeyError::OtherKind(FileKind::OwnShare));
    }
    let passphrase = match (block.label.is_encrypted(), passphrase) {
        (true, None) => return Err(PemKeyError::Encrypted),
        (false, Some(_)) => return Err(PemKeyError::NotEncrypted),
        (_, passphrase) => passphrase,
    };
    let Some(passphrase) = passphrase else {
        return Ok(PemKey {
            key: plain(&block, wanted)?,
            weak: false,
        });
    };
    let opened = pbes2::open(&block.der, passphrase.as_bytes()).map_err(PemKeyError::NotOpened)?;
    let key = match block.label {
        KeyLabel::OwnEncrypted => own(&opened.plain),
        _ => pkcs8(&opened.plain, &block, wanted),
    };
    let key = key.map_err(|error| match error {
        // A wrong passphrase can look right to the padding, and then gives noise.
        Inner::Noise => PemKeyError::NotOpened(NotOpened::Passphrase),
        Inner::Other(error) => error,
    })?;
    unchanged(&key, &block)?;
    Ok(PemKey {
        key,
        weak: opened.weak,
    })
}

/// The text of a file in which this key is encrypted.
pub fn write(key: &SoftKey, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, NotSealed> {
    let (label, about, plain) = match to_pkcs8(key)? {
        Some(der) => (
            KeyLabel::Encrypted,
            "A validator's key in PKCS#8, encrypted with a passphrase; tmkms and OpenSSL read it.",
            der,
        ),
        None => (
            KeyLabel::OwnEncrypted,
            "A validator's key, encrypted with a passphrase; tmkms reads it.",
            to_own(key),
        ),
    };
    let sealed = pbes2::seal(&plain, passphrase.as_bytes())?;
    let public = key_text::to_json(&key.public_key());
    let text = KeyBlock::text(label, about, &public, &sealed);
    Ok(Zeroizing::new(text.into_bytes()))
}

/// Why decrypted bytes are no key.
enum Inner {
    /// They are not even of the form.
    Noise,
    /// They are of it.
    Other(PemKeyError),
}

fn plain(block: &KeyBlock, wanted: Option<KeyType>) -> Result<SoftKey, PemKeyError> {
    let damaged = || PemKeyError::NotOne(NotOneKey::Damaged);
    let key = match block.label {
        KeyLabel::Sec1 => match kind::private_key(&block.der) {
            Some(KeyAlgorithm::Known(KeyType::Secp256k1)) => {
                sec1(&block.der, block, wanted).ok_or_else(damaged)?
            }
            Some(other) => {
                let kind = FileKind::Openssl(Armour::Pem, other);
                return Err(PemKeyError::OtherKind(kind));
            }
            None => return Err(damaged()),
        },
        _ => pkcs8(&block.der, block, wanted).map_err(|error| match error {
            Inner::Noise => damaged(),
            Inner::Other(error) => error,
        })?,
    };
    unchanged(&key, block)?;
    Ok(key)
}

/// What the file states, and the key that is in it.
fn unchanged(key: &SoftKey, block: &KeyBlock) -> Result<(), SoftKeyError> {
    let is = key_text::to_json(&key.public_key());
    match &block.public_key {
        Some(stated) if *stated != is => Err(SoftKeyError::Mismatch("public key")),
        _ => Ok(()),
    }
}

fn pkcs8(der: &[u8], block: &KeyBlock, wanted: Option<KeyType>) -> Result<SoftKey, Inner> {
    let info = PrivateKeyInfo::try_from(der).map_err(|_| Inner::Noise)?;
    let algorithm = &info.algorithm;
    let key = match algorithm.oid {
        ED25519 => {
            let seed = info.private_key.strip_prefix(&SEED);
            let seed = seed.filter(|seed| seed.len() == 32).ok_or(Inner::Noise)?;
            let key = SoftKey::from_bytes(seed, KeyType::Ed25519);
            key.map_err(|error| Inner::Other(error.into()))?
        }
        EC if algorithm.parameters_oid() == Ok(SECP256K1) => {
            // The curve is named outside, and mostly not once more.
            sec1(info.private_key, block, wanted).ok_or(Inner::Noise)?
        }
        _ => {
            let name = kind::private_key(der).ok_or(Inner::Noise)?;
            let kind = FileKind::Openssl(Armour::Pem, name);
            return Err(Inner::Other(PemKeyError::OtherKind(kind)));
        }
    };
    match info.public_key {
        Some(stated)
            if key.public_key().key_type() == KeyType::Ed25519
                && stated != key.public_key().as_bytes() =>
        {
            let error = SoftKeyError::Mismatch("public key");
            Err(Inner::Other(error.into()))
        }
        _ => Ok(key),
    }
}

/// An `ECPrivateKey` of secp256k1. The public key in it is checked. Of which of the two types it is the stated public key says, and
/// without that who asks.
fn sec1(der: &[u8], block: &KeyBlock, wanted: Option<KeyType>) -> Option<SoftKey> {
    let secret = SecretKey::from_sec1_der(der).ok()?;
    let scalar = Zeroizing::new(secret.to_bytes());
    let of = |kind| SoftKey::from_bytes(&scalar, kind).ok();
    let is_stated = |key: &SoftKey| match &block.public_key {
        Some(stated) => *stated == key_text::to_json(&key.public_key()),
        None => wanted == Some(key.public_key().key_type()),
    };
    let eth = of(KeyType::Secp256k1Eth).filter(is_stated);
    eth.or_else(|| of(KeyType::Secp256k1))
}

/// PKCS#8 of the key; `None` where it has no form there.
fn to_pkcs8(key: &SoftKey) -> Result<Option<Zeroizing<Vec<u8>>>, NotSealed> {
    let text = key.to_base64();
    let bytes = base64::decode(text.trim_ascii()).map(Zeroizing::new);
    let bytes = bytes.ok_or(NotSealed::Encrypt)?;
    let curve = AnyRef::from(&SECP256K1);
    let (oid, parameters, inner) = match key.public_key().key_type() {
        KeyType::Ed25519 if bytes.len() == 32 => {
            let inner = [&SEED[..], &bytes].concat();
            (ED25519, None, Zeroizing::new(inner))
        }
        // Without its seed, and what OpenSSL does not read.
        KeyType::Ed25519 | KeyType::Bls12381 | KeyType::MlDsa65 => return Ok(None),
        KeyType::Secp256k1 | KeyType::Secp256k1Eth => {
            let secret = SecretKey::from_slice(&bytes).map_err(|_| NotSealed::Encrypt)?;
            let inner = secret.to_sec1_der().map_err(|_| NotSealed::Encrypt)?;
            (EC, Some(curve), inner)
        }
    };
    let info = PrivateKeyInfo::new(AlgorithmIdentifierRef { oid, parameters }, &inner);
    let der = info.to_der().map_err(|_| NotSealed::Encrypt)?;
    Ok(Some(Zeroizing::new(der)))
}

/// The type of the key, a blank, and the text of its plain file.
fn to_own(key: &SoftKey) -> Zeroizing<Vec<u8>> {
    let (kind, text) = (key.public_key().key_type(), key.to_base64());
    let kind = kind.as_str();
    let mut own = Zeroizing::new(Vec::with_capacity(kind.len() + 1 + text.len()));
    own.extend_from_slice(kind.as_bytes());
    own.push(b' ');
    own.extend_from_slice(&text);
    own
}

fn own(plain: &[u8]) -> Result<SoftKey, Inner> {
    let text = str::from_utf8(plain).map_err(|_| Inner::Noise)?;
    let (kind, text) = text.split_once(' ').ok_or(Inner::Noise)?;
    let kind = KeyType::of_name(kind).ok_or(Inner::Noise)?;
    let key = SoftKey::from_base64(text.as_bytes(), kind);
    key.map_err(|error| Inner::Other(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::of(text.as_bytes()).unwrap()
    }

    fn error(bytes: &[u8], with: Option<&str>) -> String {
        let with = with.map(passphrase);
        let error = read(bytes, with.as_ref(), None).err();
        error.map_or_else(String::new, |error| error.to_string())
    }

    /// A key of each type, and one without its seed.
    fn keys() -> Vec<SoftKey> {
        let built = KeyType::ALL.into_iter().filter(|kind| kind.is_built());
        let mut all: Vec<_> = built
            .map(|kind| SoftKey::generate(kind).unwrap().0)
            .collect();
        let mut expanded = [5; 64];
        (expanded[0], expanded[31]) = (8, 64);
        all.push(SoftKey::from_bytes(&expanded, KeyType::Ed25519).unwrap());
        all
    }

    #[test]
    fn every_kind_of_key_comes_back_with_its_passphrase() {
        for key in keys() {
            let text = write(&key, &passphrase("correct horse")).unwrap();
            let read = read(&text, Some(&passphrase("correct horse")), None).unwrap();
            assert_eq!(*read.key.to_base64(), *key.to_base64());
            assert_eq!(read.key.public_key(), key.public_key());
            assert!(!read.weak);
            assert_eq!(
                error(&text, Some("correct Horse")),
                "the passphrase is wrong, or the file is damaged"
            );
            assert_eq!(error(&text, None), "it is encrypted with a passphrase");
            let shown = String::from_utf8(text.to_vec()).unwrap();
            assert!(shown.contains(&key_text::to_json(&key.public_key())));
        }
    }

    /// A block of AES that is changed garbles itself and flips bits of the next: such a file looks right, and its key is
    /// another one.
    #[test]
    fn a_key_that_was_changed_under_its_encryption_is_told() {
        let key = SoftKey::from_bytes(&[3; 32], KeyType::Ed25519).unwrap();
        let with = passphrase("correct horse");
        let text = write(&key, &with).unwrap();
        let block = KeyBlock::read(&text).unwrap();
        let mut der = block.der.to_vec();
        // The last blocks hold the seed: 16, 16 and its last 16 bytes with the padding.
        let at = der.len() - 33;
        der[at] ^= 1;
        let stated = block.public_key.unwrap();
        let changed = KeyBlock::text(block.label, "", &stated, &der);
        assert_eq!(
            error(changed.as_bytes(), Some("correct horse")),
            "its public key does not belong to its private key: the file was edited or damaged"
        );
    }

    #[test]
    fn a_stated_public_key_of_another_key_is_told() {
        let [key, other] =
            [3, 7].map(|byte| SoftKey::from_bytes(&[byte; 32], KeyType::Ed25519).unwrap());
        let text = write(&key, &passphrase("correct horse")).unwrap();
        let [is, was] = [&other, &key].map(|key| key_text::to_json(&key.public_key()));
        let edited = String::from_utf8(text.to_vec()).unwrap().replace(&was, &is);
        assert!(error(edited.as_bytes(), Some("correct horse")).contains("edited or damaged"));
    }
}
