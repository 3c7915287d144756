//! Wrapped objects: a nonce of 13 bytes, then AES-CCM with a tag of 16 over algorithm, header and body.
//!
//! What is opened here never leaves: callers get the header and the public key that the secret in it really has. Source:
//! Yubico's yubihsm-wrap 2.8.0 and user guide ("Wrap Key", "Export Wrapped").

use aes::Aes256;
use ccm::Ccm;
use ccm::aead::{Aead, KeyInit};
use ccm::consts::{U13, U16};
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::hazmat::ExpandedSecretKey;
use zeroize::Zeroizing;

use crate::backends::yubihsm::protocol::codes::{algorithm, object};
use crate::backends::yubihsm::protocol::info::ObjectInfo;
use crate::consensus::PublicKey;
use crate::secret_file::kind::{self, FileKind};

const NONCE: usize = 13;
/// `get object info` without its delegated capabilities.
const HEADER: usize = 58;

/// Why bytes are not a backup.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// It is something else, and known as that.
    #[error("{0}; a backup is one line of base64, written by `keys export` or `keys generate -b`")]
    OtherKind(FileKind),
    /// A key as it is, which is base64, too.
    #[error(
        "it is a key in base64 and no backup, which is encrypted; `keys import -t base64 -i ID` brings such a key into a \
         device"
    )]
    PlainKey,
    /// Not base64.
    #[error("it is not base64; a backup is one line of it")]
    NotBase64,
    /// The key does not fit, or bits have changed.
    #[error(
        "this wrap key does not open it: it was wrapped by a device that was set up from another mnemonic, or the file \
         is damaged"
    )]
    Sealed,
    /// Opened, and not an object.
    #[error("it holds {0} bytes that are not a YubiHSM object")]
    NoObject(usize),
    /// Not a key that signs votes.
    #[error(
        "it holds an object of type {kind} and algorithm {algorithm}, not a key that signs votes"
    )]
    NoKey {
        /// The type.
        kind: u8,
        /// The algorithm.
        algorithm: u8,
    },
    /// A form of key that is not known here.
    #[error(
        "the {algorithm} key in it has {got} bytes, and {wanted} were expected; firmware from 2.4 on can export another \
         form, which is not read here: export it with this program"
    )]
    Form {
        /// Which kind of key.
        algorithm: &'static str,
        /// Bytes there are.
        got: usize,
        /// Bytes there should be.
        wanted: usize,
    },
    /// Secret and public part differ.
    #[error("the public key in it is not that of the secret key in it; this backup is of no use")]
    Mismatch,
}

/// An opened object. Its secret is wiped when it is dropped.
pub struct Wrapped {
    /// What it says of itself. Delegated capabilities are 0 for keys that sign.
    pub info: ObjectInfo,
    body: Zeroizing<Vec<u8>>,
}

/// A backup file's text as the bytes that a device takes.
pub fn from_text(text: &[u8]) -> Result<Vec<u8>, WrapError> {
    let bytes = crate::text::base64::decode(kind::text(text));
    let error = match bytes {
        Some(bytes) if bytes.len() > NONCE + HEADER => return Ok(bytes),
        Some(bytes) => WrapError::NoObject(bytes.len()),
        None => WrapError::NotBase64,
    };
    Err(match kind::look(text) {
        Some(FileKind::Base64 | FileKind::OddBase64 { .. }) => WrapError::PlainKey,
        Some(kind) => WrapError::OtherKind(kind),
        None => error,
    })
}

/// Opens what `wrap data` or `export` made.
pub fn open_data(bytes: &[u8], key: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, WrapError> {
    let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or(WrapError::Sealed)?;
    let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| WrapError::Sealed)?;
    Ccm::<Aes256, U16, U13>::new(key.into())
        .decrypt(&nonce.into(), sealed)
        .map(Zeroizing::new)
        .map_err(|_| WrapError::Sealed)
}

/// Opens a wrapped object.
pub fn open(bytes: &[u8], key: &[u8; 32]) -> Result<Wrapped, WrapError> {
    let plain = open_data(bytes, key)?;
    let wrong = || WrapError::NoObject(plain.len());
    let (start, body) = plain.split_at_checked(1 + HEADER).ok_or_else(wrong)?;
    let (wrapped_by, header) = start.split_first().ok_or_else(wrong)?;
    let info = ObjectInfo::read(&[header, &[0; 8]].concat()).map_err(|_| wrong())?;
    if *wrapped_by != algorithm::AES256_CCM_WRAP || usize::from(info.size) != body.len() {
        return Err(wrong());
    }
    Ok(Wrapped {
        info,
        body: Zeroizing::new(body.to_vec()),
    })
}

impl Wrapped {
    /// The public key of the secret in it, computed from that secret.
    pub fn public_key(&self) -> Result<PublicKey, WrapError> {
        let ObjectInfo {
            kind, algorithm, ..
        } = self.info;
        match (kind, algorithm) {
            (object::ASYMMETRIC_KEY, algorithm::ED25519) => self.ed25519(),
            (object::ASYMMETRIC_KEY, algorithm::SECP256K1) => self.secp256k1(),
            _ => Err(WrapError::NoKey { kind, algorithm }),
        }
    }

    /// The scalar in big endian, the nonce's prefix, the public key.
    fn ed25519(&self) -> Result<PublicKey, WrapError> {
        let form = || WrapError::Form {
            algorithm: "ed25519",
            got: self.body.len(),
            wanted: 96,
        };
        let (secret, public) = self.body.split_first_chunk::<64>().ok_or_else(form)?;
        let public = <[u8; 32]>::try_from(public).map_err(|_| form())?;
        let mut expanded = Zeroizing::new(*secret);
        if let Some(scalar) = expanded.get_mut(..32) {
            scalar.reverse();
        }
        let found = VerifyingKey::from(&ExpandedSecretKey::from_bytes(&expanded)).to_bytes();
        match found == public {
            true => Ok(PublicKey::Ed25519(found)),
            false => Err(WrapError::Mismatch),
        }
    }

    /// The scalar, then both coordinates of the public key.
    fn secp256k1(&self) -> Result<PublicKey, WrapError> {
        let form = || WrapError::Form {
            algorithm: "secp256k1",
            got: self.body.len(),
            wanted: 96,
        };
        let (secret, public) = self.body.split_first_chunk::<32>().ok_or_else(form)?;
        if public.len() != 64 {
            return Err(form());
        }
        let key = k256::ecdsa::SigningKey::from_slice(secret).map_err(|_| WrapError::Mismatch)?;
        let point = key.verifying_key().to_encoded_point(false);
        if point.as_bytes().get(1..) != Some(public) {
            return Err(WrapError::Mismatch);
        }
        let compressed = key.verifying_key().to_encoded_point(true);
        PublicKey::from_bytes("secp256k1", compressed.as_bytes()).map_err(|_| WrapError::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::yubihsm::ceremony::derive::wrap_key;
    use crate::backends::yubihsm::ceremony::mnemonic::Mnemonic;

    /// Made by Yubico's yubihsm-wrap 2.8.0 from the seed 00..1f.
    const BACKUP: &[u8] = b"b2H/8LsLZSC2fzF1OkuVVGUOtI6B5lrNZ1X5nljeUkeMGWl3IFrVgS64vANXYhVeF7450BYpM9EsMNDSb6Jq9b+G37BmhvAjPlFHrLBuBTETASe2yLzq62iEnwmJ8pCCf6Cn7068hdiCj9miTrLr/bQCr3Ve2ckX/215nLUvXIHWH/nxx1lpT23/MQ3T7wMLH/eEK5Jmof5YweqHuCZloLMHmIBz3AF/l+XhTuvusQayTyzT6ZOnpQ==";

    fn count() -> [u8; 32] {
        std::array::from_fn(|at| u8::try_from(at).unwrap())
    }

    #[test]
    fn a_backup_of_yubicos_own_tool_is_opened() {
        let bytes = from_text(BACKUP).unwrap();
        let key = wrap_key(&Mnemonic::from_entropy(&count()), 1);
        let opened = open(&bytes, &key).ok().unwrap();
        assert_eq!(
            (
                opened.info.id,
                opened.info.domains,
                opened.info.capabilities
            ),
            (16, 1, 0x10100)
        );
        assert_eq!(opened.info.label, "consensus:2026-01-01T00:00:00Z");
        let wanted = ed25519_dalek::SigningKey::from_bytes(&count()).verifying_key();
        assert_eq!(
            opened.public_key(),
            Ok(PublicKey::Ed25519(wanted.to_bytes()))
        );
    }

    #[test]
    fn any_changed_bit_and_any_other_key_opens_nothing() {
        let bytes = from_text(BACKUP).unwrap();
        let mnemonic = Mnemonic::from_entropy(&count());
        assert_eq!(
            open(&bytes, &wrap_key(&mnemonic, 2)).err(),
            Some(WrapError::Sealed)
        );
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                open(&changed, &wrap_key(&mnemonic, 1)).err(),
                Some(WrapError::Sealed)
            );
        }
        assert_eq!(from_text(b"*").err(), Some(WrapError::NotBase64));
        assert_eq!(from_text(b"AA==").err(), Some(WrapError::NoObject(1)));
    }

    #[test]
    fn a_public_key_that_is_not_the_secrets_is_noticed() {
        let bytes = from_text(BACKUP).unwrap();
        let key = wrap_key(&Mnemonic::from_entropy(&count()), 1);
        for at in [5, 70] {
            let mut opened = open(&bytes, &key).ok().unwrap();
            opened.body[at] ^= 1;
            assert_eq!(opened.public_key(), Err(WrapError::Mismatch));
        }
        let mut short = open(&bytes, &key).ok().unwrap();
        short.body.truncate(90);
        assert!(matches!(
            short.public_key(),
            Err(WrapError::Form { got: 90, .. })
        ));
    }
}
