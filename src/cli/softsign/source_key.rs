//! The key in a file that a command is given: in any form that is read, encrypted or not.

use std::path::Path;

use clap::ValueEnum;

use super::typed_passphrase::PassphraseFrom;
use crate::backends::softsign::key::{SoftKey, SoftKeyError};
use crate::backends::softsign::pem::{self, PemKeyError};
use crate::cli::report::{Failure, status};
use crate::consensus::KeyType;
use crate::remedy::CommandLine;
use crate::secret_file::kind::{self, FileKind, KeyAlgorithm, NamedBy, PemLabel};
use crate::secret_file::sealed::block::NotOneKey;
use crate::secret_file::sealed::pbes2::NotOpened;
use crate::secret_file::{self, Secret, SecretSource};
use crate::terminal::Terminal;
use crate::text::base64;

/// How a key file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Form {
    /// CometBFT's priv_validator_key.json
    Json,
    /// Base64
    Base64,
    /// PEM as OpenSSL writes it, or as `softsign encrypt` does
    Pem,
}

impl Form {
    /// As it is typed.
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Base64 => "base64",
            Self::Pem => "pem",
        }
    }

    /// As the content tells.
    fn of(bytes: &[u8]) -> Self {
        match kind::text(bytes).starts_with(b"{") {
            true => Self::Json,
            false if pem::is_pem(bytes) => Self::Pem,
            false => Self::Base64,
        }
    }
}

/// What is known of the file before it is read.
pub(in crate::cli) struct SourceKey<'a> {
    /// The file.
    pub(in crate::cli) path: &'a Path,
    /// Its form, if that was said.
    pub(in crate::cli) form: Option<Form>,
    /// The type of its key, if that is known; the file tells it in all forms but one.
    pub(in crate::cli) kind: Option<KeyType>,
    /// What cannot be done with the key, in a word such as `imported`.
    pub(in crate::cli) verb: &'static str,
}

impl SourceKey<'_> {
    /// The file as it is, its exposure told.
    pub(in crate::cli) fn bytes(&self) -> Result<Secret, Failure> {
        let source = SecretSource::File(self.path.to_owned());
        let secret = secret_file::read(&source).map_err(|error| self.failed(&error))?;
        if let Some(warning) = &secret.warning {
            status("Warning", warning);
        }
        Ok(secret)
    }

    /// Whether keys of several types are read from these bytes, each another key: 32 of them, and nothing else.
    pub(super) fn does_not_say_its_type(&self, bytes: &[u8]) -> bool {
        let form = self.form.unwrap_or_else(|| Form::of(bytes));
        let decoded = base64::decode(kind::text(bytes)).map(zeroize::Zeroizing::new);
        form == Form::Base64 && decoded.is_some_and(|key| key.len() == 32)
    }

    /// The key in these bytes. Whoever knows its passphrase is asked only if there is one.
    pub(in crate::cli) fn read(
        &self,
        bytes: &[u8],
        passphrase: &PassphraseFrom,
        terminal: &mut dyn Terminal,
    ) -> Result<SoftKey, Failure> {
        let form = self.form.unwrap_or_else(|| Form::of(bytes));
        if form == Form::Pem {
            return self.pem(bytes, passphrase, terminal);
        }
        if passphrase.is_said() {
            return Err(self
                .failed(&PemKeyError::NotEncrypted)
                .hint("leave `--passphrase-file` out"));
        }
        let key_type = self.kind.unwrap_or_else(|| match kind::look(bytes) {
            Some(FileKind::KeyJson(KeyAlgorithm::Known(found))) => found,
            _ => KeyType::default(),
        });
        let read = match form {
            Form::Json => SoftKey::from_json(bytes, key_type),
            Form::Base64 | Form::Pem => SoftKey::from_base64(bytes, key_type),
        };
        read.map_err(|error| match &error {
            SoftKeyError::OtherKind(found) => self.failed(&error).hint(self.remedy(found)),
            _ => self.failed(&error),
        })
    }

    fn pem(
        &self,
        bytes: &[u8],
        passphrase: &PassphraseFrom,
        terminal: &mut dyn Terminal,
    ) -> Result<SoftKey, Failure> {
        let passphrase = match pem::is_encrypted(bytes) || passphrase.is_said() {
            true => Some(passphrase.to_open(self.path, terminal)?),
            false => None,
        };
        let read = pem::read(bytes, passphrase.as_ref(), self.kind).map_err(|error| {
            let failure = self.failed(&error);
            match &error {
                PemKeyError::OtherKind(found) => failure.hint(self.remedy(found)),
                PemKeyError::NotEncrypted => failure.hint("leave `--passphrase-file` out"),
                PemKeyError::NotOne(NotOneKey::Legacy)
                | PemKeyError::NotOpened(NotOpened::Scheme) => {
                    failure.hint(self.remedy(&FileKind::Pem(PemLabel::Legacy)))
                }
                PemKeyError::NotOpened(NotOpened::Costly(_)) => {
                    failure.hint("decrypt it with the program that encrypted it")
                }
                _ => failure,
            }
        })?;
        if read.weak {
            status(
                "Careful",
                format!(
                    "whoever gets {} tries passphrases quickly: its encryption is weak",
                    self.path.display()
                ),
            );
        }
        let is = read.key.public_key().key_type();
        match self.kind {
            Some(wanted) if wanted != is => Err(self.failed(&format!(
                "it holds a key of type {}, and another type was asked for",
                read.key.public_key().key_type()
            ))),
            _ => Ok(read.key),
        }
    }

    fn remedy(&self, found: &FileKind) -> String {
        let own = match self.verb {
            "encrypted" => Some("encrypt"),
            "decrypted" => Some("decrypt"),
            _ => None,
        };
        if let (FileKind::OwnShare, Some(verb)) = (found, own) {
            let command = CommandLine::on_file("tmkms", &["cosign", verb], self.path);
            return format!("a share is {} with `{command}`", self.verb);
        }
        let by = NamedBy::Command {
            option: "-f",
            pem: true,
        };
        kind::remedy(found, &SecretSource::File(self.path.to_owned()), by)
    }

    pub(in crate::cli) fn failed(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::new(format!(
            "the key in {} cannot be {}: {error}",
            self.path.display(),
            self.verb
        ))
    }
}
