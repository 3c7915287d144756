//! Keys in files, signed with in this process.

pub mod config;
pub mod key;

use std::path::Path;
use std::sync::Arc;

use crate::consensus::{PublicKey, Signature};
use crate::gate::Prepared;
use crate::gate::permit::Permit;
use crate::remedy::{self, CommandLine, Commands, quoted};
use crate::secret_file::{self, Absent, SecretFileError, SecretSource};
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
    /// The commands that its messages print.
    pub commands: Commands,
}

impl KeyFile {
    /// Reads the key.
    pub fn load(&self) -> Result<(SoftKey, Option<String>), OpenKeyError> {
        let secret = secret_file::read(&self.source).map_err(|error| self.unread(&error))?;
        let key = match self.format {
            FileFormat::Base64 => SoftKey::from_base64(&secret.bytes, self.purpose),
            FileFormat::Json => SoftKey::from_json(&secret.bytes, self.purpose),
        };
        let named = |error: KeyError| {
            let remedy = match (&error, &self.source) {
                (KeyError::HexPasted, SecretSource::File(path)) => from_hex(path),
                _ => String::new(),
            };
            OpenKeyError(format!("the key in {}: {error}{remedy}", self.source))
        };
        Ok((key.map_err(named)?, secret.warning))
    }

    /// A key that is not there is brought, with what it has signed; only a validator that is new has none to bring.
    fn unread(&self, error: &SecretFileError) -> OpenKeyError {
        let (path, first) = match error.absent() {
            None => return OpenKeyError(error.to_string()),
            Some(Absent::Missing(path)) => (path, String::new()),
            Some(Absent::Empty(path)) => (
                path,
                format!("remove it with `{}`, and ", remedy::remove(path)),
            ),
        };
        let name = &*path.to_string_lossy();
        let bring = |what| CommandLine::on_file("install", &["-m", "600", what], path);
        let remedy = match self.format {
            FileFormat::Json => {
                format!(
                    "{first}bring the priv_validator_key.json there with `{}`",
                    bring("KEY")
                )
            }
            FileFormat::Base64 => {
                let import = ["softsign", "import", "--state", "STATE", "KEY", name];
                let keygen = match self.purpose {
                    Purpose::Consensus => remedy::keygen(path),
                    Purpose::Account => {
                        CommandLine::without_config(["softsign", "keygen", "-t", "account", name])
                    }
                };
                format!(
                    "{first}bring the key: from its backup with `{}`, or from another signer, together with its state, with \
                     `{}`; only for a validator that has never signed make a new one with `{}`",
                    bring("BACKUP"),
                    self.commands.line(import),
                    keygen
                )
            }
        };
        OpenKeyError(format!("{error}; correct `path`, or {remedy}"))
    }
}

/// How hexadecimal digits become a key file. Nothing of the old file is lost.
fn from_hex(path: &Path) -> String {
    let mut new = path.to_owned().into_os_string();
    new.push(".base64");
    format!(
        "; convert it with `(umask 077; tr a-f A-F < {} | basenc --base16 -d | base64 > {new})`, and name {} as `path`",
        quoted(path.as_os_str()),
        Path::new(&new).display(),
        new = quoted(&new),
    )
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

    /// Any length, any kind.
    fn accepts(&self, _: &Prepared) -> Result<(), SignerError> {
        Ok(())
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        self.sign_bytes(permit.bytes())
            .map_err(|error| SignerError::Failed(error.to_string()))
    }
}
