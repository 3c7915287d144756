//! A configured key file: how it is read, and what is said of one that cannot be.

use std::any::Any;
use std::sync::Arc;

use crate::backends::device::Device;
use crate::backends::key_source::{InFile, KeySource, KeyTraits, OpenKeyError, Opened};
use crate::consensus::KeyType;
use crate::remedy::{self, CommandLine, Commands};
use crate::secret_file::kind::{self, NamedBy};
use crate::secret_file::{self, Absent, SecretFileError, SecretSource};

use super::key::{SoftKey, SoftKeyError};

/// How a key file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileFormat {
    /// Base64 of the key's bytes.
    #[default]
    Base64,
    /// CometBFT's `priv_validator_key.json`.
    Json,
}

/// A configured key file.
#[derive(Clone, Debug)]
pub struct KeyFile {
    source: SecretSource,
    format: FileFormat,
    kind: KeyType,
    /// The commands that its messages print.
    commands: Commands,
    traits: KeyTraits,
}

impl KeyFile {
    /// The file that lies at `source` and is written as `format`. Messages about it print `commands`.
    pub fn new(
        source: SecretSource,
        format: FileFormat,
        kind: KeyType,
        commands: Commands,
    ) -> Self {
        let file = match &source {
            SecretSource::File(path) => Some(InFile {
                path: path.clone(),
                json: format == FileFormat::Json,
                key_type: kind,
            }),
            SecretSource::Environment(_) | SecretSource::Credential(_) => None,
        };
        Self {
            traits: KeyTraits {
                file,
                ..KeyTraits::of(format!("softsign key {source}"))
            },
            source,
            format,
            kind,
            commands,
        }
    }

    /// Reads the key.
    pub fn load(&self) -> Result<(SoftKey, Option<String>), OpenKeyError> {
        let secret = secret_file::read(&self.source).map_err(|error| self.unread(&error))?;
        let key = match self.format {
            FileFormat::Base64 => SoftKey::from_base64(&secret.bytes, self.kind),
            FileFormat::Json => SoftKey::from_json(&secret.bytes, self.kind),
        };
        let named = |error: SoftKeyError| {
            let remedy = match &error {
                SoftKeyError::OtherKind(found) => {
                    let json = self.format == FileFormat::Json;
                    let by = NamedBy::Setting { json };
                    format!("; {}", kind::remedy(found, &self.source, by))
                }
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
                let keygen = match self.kind {
                    KeyType::Ed25519 => remedy::keygen(path),
                    kind => {
                        CommandLine::without_config(["softsign", "keygen", "-t", kind.word(), name])
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

impl KeySource for KeyFile {
    fn is_same(&self, other: &dyn KeySource) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            (&self.source, self.format, self.kind) == (&other.source, other.format, other.kind)
        })
    }

    fn traits(&self) -> &KeyTraits {
        &self.traits
    }

    fn devices(&self) -> Vec<&dyn Device> {
        Vec::new()
    }

    fn open(&self) -> Result<Opened, OpenKeyError> {
        let (key, warning) = self.load()?;
        Ok(Opened {
            signer: Arc::new(key),
            warnings: warning.into_iter().collect(),
        })
    }
}
