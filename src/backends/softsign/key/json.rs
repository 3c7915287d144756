//! CometBFT's `priv_validator_key.json`.

use serde::Deserialize;
use subtle_encoding::hex;
use zeroize::Zeroizing;

use crate::consensus::{KeyType, PublicKey};
use crate::secret_file::kind::{self, FileKind};
use crate::text::base64;

use super::ed25519;
use super::error::SoftKeyError;

/// What stands in the file, unverified.
pub(super) struct KeyJson {
    /// The private key's bytes, as a key file of base64 would hold them.
    pub secret: Zeroizing<Vec<u8>>,
    public: Vec<u8>,
    address: Vec<u8>,
}

impl KeyJson {
    /// Reads the file, which must be of this type.
    pub fn read(text: &[u8], wanted: KeyType) -> Result<Self, SoftKeyError> {
        match kind::look(text) {
            Some(FileKind::KeyJson(kind::KeyAlgorithm::Known(found))) if found != wanted => {
                return Err(SoftKeyError::Type { found, wanted });
            }
            Some(FileKind::KeyJson(kind::KeyAlgorithm::Known(_))) | None => {}
            Some(other) => return Err(SoftKeyError::OtherKind(other)),
        }
        let file: KeyFields = serde_json::from_slice(kind::text(text)).map_err(|error| {
            // Only the place: the words of the parser quote values, and here values are secrets.
            SoftKeyError::Json(format!("line {}, column {}", error.line(), error.column()))
        })?;
        if file.priv_key.kind != wanted.private_json_name() {
            return Err(SoftKeyError::Json(
                "its priv_key has another type".to_owned(),
            ));
        }
        let secret = base64::decode(file.priv_key.value.as_bytes()).map(Zeroizing::new);
        let secret =
            secret.ok_or_else(|| SoftKeyError::Json("priv_key is not base64".to_owned()))?;
        let secret = match wanted {
            KeyType::Ed25519 => Zeroizing::new(ed25519::of_json(&secret)?.to_vec()),
            _ => secret,
        };
        Ok(Self {
            secret,
            public: base64::decode(file.pub_key.value.as_bytes()).unwrap_or_default(),
            address: hex::decode(file.address.to_ascii_lowercase()).unwrap_or_default(),
        })
    }

    /// Whether the file says the same of its public half as its private half does.
    pub fn agrees(&self, public: &PublicKey) -> Result<(), SoftKeyError> {
        if self.public != public.as_bytes() {
            return Err(SoftKeyError::Mismatch("pub_key"));
        }
        if self.address != public.address().as_bytes() {
            return Err(SoftKeyError::Mismatch("address"));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct KeyFields {
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
