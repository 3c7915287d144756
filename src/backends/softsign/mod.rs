//! Keys in files, signed with in this process.

pub mod config;
pub mod key;

use std::sync::Arc;

use crate::consensus::{PublicKey, Signature};
use crate::gate::permit::Permit;
use crate::secret_file::{self, SecretSource};
use crate::signer::{Signer, SignerError};

use super::{InFile, KeySource, OpenKeyError};
use key::{KeyError, SoftKey};

/// How a key file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileFormat {
    /// Base64 of the key's bytes.
    #[default]
    Base64,
    /// CometBFT's `priv_validator_key.json`.
    Json,
}

/// What a key is for, in the words of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Ed25519.
    #[default]
    Consensus,
    /// secp256k1; it signs consensus messages all the same.
    Account,
}

/// A configured key file.
#[derive(Clone, Debug)]
pub struct KeyFile {
    /// Where it is.
    pub source: SecretSource,
    /// How it is written.
    pub format: FileFormat,
    /// What it is for.
    pub purpose: Purpose,
}

impl KeyFile {
    /// Reads the key.
    pub fn load(&self) -> Result<(SoftKey, Option<String>), OpenKeyError> {
        let secret =
            secret_file::read(&self.source).map_err(|error| OpenKeyError(error.to_string()))?;
        let key = match self.format {
            FileFormat::Base64 => SoftKey::from_base64(&secret.bytes, self.purpose),
            FileFormat::Json => SoftKey::from_json(&secret.bytes, self.purpose),
        };
        let named = |error: KeyError| OpenKeyError(format!("the key in {}: {error}", self.source));
        Ok((key.map_err(named)?, secret.warning))
    }
}

impl KeySource for KeyFile {
    fn describe(&self) -> String {
        format!("softsign key {}", self.source)
    }

    fn file(&self) -> Option<InFile<'_>> {
        match &self.source {
            SecretSource::File(path) => Some(InFile {
                path,
                json: self.format == FileFormat::Json,
                account: self.purpose == Purpose::Account,
            }),
            SecretSource::Environment(_) | SecretSource::Credential(_) => None,
        }
    }

    fn open(&self) -> Result<(Arc<dyn Signer>, Vec<String>), OpenKeyError> {
        let (key, warning) = self.load()?;
        Ok((Arc::new(key), warning.into_iter().collect()))
    }
}

impl Signer for SoftKey {
    fn public_key(&self) -> PublicKey {
        SoftKey::public_key(self)
    }

    fn longest(&self) -> usize {
        usize::MAX
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        self.sign_bytes(permit.bytes())
            .map_err(|error| SignerError::Failed(error.to_string()))
    }
}
