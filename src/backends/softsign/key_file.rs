//! A configured key file: how it is read, and what is said of one that cannot be.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use crate::backends::device::Device;
use crate::backends::key_source::{InFile, KeySource, KeyTraits, OpenKeyError, Opened};
use crate::consensus::KeyType;
use crate::remedy::{self, CommandLine, Commands};
use crate::secret_file::kind::{self, FileKind, KeyFormatSetting, NamedBy, PemLabel};
use crate::secret_file::sealed::block::NotOneKey;
use crate::secret_file::sealed::pbes2::NotOpened;
use crate::secret_file::{self, Absent, SecretFileError, SecretSource};

use super::key::{SoftKey, SoftKeyError};
use super::passphrase::{NotAPassphrase, Passphrase};
use super::pem::{self, PemKeyError};
use super::tried::Tried;

/// How a key file is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FileFormat {
    /// Base64 of the key's bytes.
    #[default]
    Base64,
    /// CometBFT's `priv_validator_key.json`.
    Json,
    /// PEM, as OpenSSL writes it; not encrypted.
    Pem,
    /// PEM, encrypted with the passphrase that lies there.
    Encrypted(SecretSource),
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
    /// What did not open it: a service tries again and again.
    tried: Tried,
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
                pem: format == FileFormat::Pem,
                passphrase: match &format {
                    FileFormat::Encrypted(passphrase) => Some(passphrase.clone()),
                    FileFormat::Base64 | FileFormat::Json | FileFormat::Pem => None,
                },
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
            tried: Tried::default(),
        }
    }

    /// Reads the key; the texts are warnings.
    pub fn load(&self) -> Result<(SoftKey, Vec<String>), OpenKeyError> {
        let secret = secret_file::read(&self.source).map_err(|error| self.unread(&error))?;
        let mut warnings: Vec<String> = secret.warning.into_iter().collect();
        let key = match &self.format {
            FileFormat::Base64 => {
                let key = SoftKey::from_base64(&secret.bytes, self.kind);
                key.map_err(|error| self.no_key(&error, KeyFormatSetting::Base64))?
            }
            FileFormat::Json => {
                let key = SoftKey::from_json(&secret.bytes, self.kind);
                key.map_err(|error| self.no_key(&error, KeyFormatSetting::Json))?
            }
            FileFormat::Pem => {
                let read = pem::read(&secret.bytes, None, Some(self.kind));
                read.map_err(|error| self.no_pem_key(&error))?.key
            }
            FileFormat::Encrypted(source) => {
                let (key, more) = self.decrypt(&secret.bytes, source)?;
                warnings.extend(more);
                key
            }
        };
        let found = key.public_key().key_type();
        if found != self.kind {
            let wanted = self.kind;
            return Err(self.wrong(&SoftKeyError::Type { found, wanted }, ""));
        }
        Ok((key, warnings))
    }

    /// Opens an encrypted key, or says again why that failed.
    fn decrypt(
        &self,
        file: &[u8],
        source: &SecretSource,
    ) -> Result<(SoftKey, Vec<String>), OpenKeyError> {
        // What is no encrypted key needs no passphrase to be told so.
        if !pem::is_encrypted(file) {
            let read = pem::read(file, None, Some(self.kind));
            let error = read.err().unwrap_or(PemKeyError::NotEncrypted);
            return Err(self.no_pem_key(&error));
        }
        let read = Passphrase::read(source).map_err(|error| self.no_passphrase(source, &error));
        let (passphrase, warning) = read?;
        let what = [file, passphrase.as_bytes()];
        if let Some(before) = self.tried.before(&what) {
            return Err(before);
        }
        let read = pem::read(file, Some(&passphrase), Some(self.kind)).map_err(|error| {
            let error = self.no_pem_key(&error);
            self.tried.remember(&what, &error);
            error
        })?;
        let weak = read.weak.then(|| {
            format!(
                "the encryption of the key in {} is weak: whoever gets the file tries passphrases quickly; decrypt it, and \
                 encrypt it anew with `softsign encrypt`",
                self.source
            )
        });
        Ok((read.key, warning.into_iter().chain(weak).collect()))
    }

    fn wrong(&self, what: &dyn std::fmt::Display, remedy: &str) -> OpenKeyError {
        OpenKeyError(format!("the key in {}: {what}{remedy}", self.source))
    }

    fn no_key(&self, error: &SoftKeyError, format: KeyFormatSetting) -> OpenKeyError {
        let remedy = match error {
            SoftKeyError::OtherKind(found) => self.other_kind(found, format),
            _ => String::new(),
        };
        self.wrong(error, &remedy)
    }

    fn other_kind(&self, found: &FileKind, format: KeyFormatSetting) -> String {
        let remedy = kind::remedy(found, &self.source, NamedBy::Setting(format));
        format!("; {remedy}")
    }

    fn no_pem_key(&self, error: &PemKeyError) -> OpenKeyError {
        let passphrase = match &self.format {
            FileFormat::Encrypted(passphrase) => Some(passphrase),
            FileFormat::Base64 | FileFormat::Json | FileFormat::Pem => None,
        };
        let is_plain_key = match error {
            PemKeyError::NotEncrypted => true,
            PemKeyError::OtherKind(found @ (FileKind::Base64 | FileKind::KeyJson(_))) => {
                found.advice().is_none()
            }
            _ => false,
        };
        if is_plain_key && passphrase.is_some() {
            return self.wrong(&PemKeyError::NotEncrypted, &self.encrypt_it());
        }
        let remedy = match (error, passphrase) {
            (PemKeyError::Encrypted, _) => {
                "; say with `passphrase_file = \"FILE\"` where its passphrase is".to_owned()
            }
            (PemKeyError::OtherKind(found), None) => self.other_kind(found, KeyFormatSetting::Pem),
            (PemKeyError::OtherKind(found), Some(_)) => self.converted(found),
            (PemKeyError::NotOpened(NotOpened::Passphrase), Some(passphrase)) => {
                format!("; correct {passphrase}, or bring the file from its backup")
            }
            (PemKeyError::NotOpened(NotOpened::Scheme), _)
            | (PemKeyError::NotOne(NotOneKey::Legacy), _) => {
                self.converted(&FileKind::Pem(PemLabel::Legacy))
            }
            (PemKeyError::NotOpened(NotOpened::Costly(_)), _) => {
                "; decrypt it with the program that encrypted it, and encrypt it again with `softsign encrypt`"
                    .to_owned()
            }
            (PemKeyError::NotOne(NotOneKey::Several), _) => String::new(),
            _ => "; bring the file from its backup".to_owned(),
        };
        self.wrong(error, &remedy)
    }

    /// How a file of this kind becomes one that is read, wherever it is named.
    fn converted(&self, found: &FileKind) -> String {
        let by = NamedBy::Command {
            option: "-f",
            pem: false,
        };
        format!("; {}", kind::remedy(found, &self.source, by))
    }

    /// For a key without a passphrase where one is configured.
    fn encrypt_it(&self) -> String {
        match &self.source {
            SecretSource::File(path) => {
                format!(
                    "; encrypt it with `{}` and name {} as `path`, or remove `passphrase_file`",
                    remedy::encrypt(path),
                    remedy::encrypted(path).display()
                )
            }
            SecretSource::Environment(_) | SecretSource::Credential(_) => {
                "; remove `passphrase_file`, or put an encrypted key there".to_owned()
            }
        }
    }

    /// One that comes later is noticed, so the remedy is to bring it.
    fn no_passphrase(&self, source: &SecretSource, error: &NotAPassphrase) -> OpenKeyError {
        let what = format!("the passphrase of the key in {}", self.source);
        let put = |path: &Path| CommandLine::on_file("install", &["-m", "600", "PASSPHRASE"], path);
        OpenKeyError(match error {
            NotAPassphrase::Unread(unread) => match unread.absent() {
                Some(Absent::Missing(path) | Absent::Empty(path)) => format!(
                    "{what}: {unread}; put it there with `{}`, or correct `passphrase_file`",
                    put(path)
                ),
                None => format!("{what}: {unread}"),
            },
            _ => format!("{what} in {source}: {error}; correct it there"),
        })
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
        let remedy = match &self.format {
            FileFormat::Pem => {
                format!("{first}bring the key there with `{}`", bring("KEY"))
            }
            FileFormat::Json => {
                format!(
                    "{first}bring the priv_validator_key.json there with `{}`",
                    bring("KEY")
                )
            }
            FileFormat::Base64 | FileFormat::Encrypted(_) => {
                let import = ["softsign", "import", "--state", "STATE", "KEY", name];
                let keygen = match (&self.format, self.kind) {
                    (FileFormat::Encrypted(passphrase), kind) => {
                        encrypted_keygen(path, passphrase, kind)
                    }
                    (_, KeyType::Ed25519) => remedy::keygen(path),
                    (_, kind) => {
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

/// Makes a new key, encrypted.
fn encrypted_keygen(path: &Path, passphrase: &SecretSource, kind: KeyType) -> CommandLine {
    let (name, passphrase) = (path.to_string_lossy(), passphrase.to_string());
    let mut words = vec![
        "softsign",
        "keygen",
        "--encrypt",
        "--passphrase-file",
        &passphrase,
    ];
    if kind != KeyType::Ed25519 {
        words.extend(["-t", kind.word()]);
    }
    words.push(&name);
    CommandLine::without_config(words)
}

impl KeySource for KeyFile {
    fn is_same(&self, other: &dyn KeySource) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            (&self.source, &self.format, self.kind) == (&other.source, &other.format, other.kind)
        })
    }

    fn traits(&self) -> &KeyTraits {
        &self.traits
    }

    fn devices(&self) -> Vec<&dyn Device> {
        Vec::new()
    }

    fn open(&self) -> Result<Opened, OpenKeyError> {
        let (key, warnings) = self.load()?;
        Ok(Opened {
            signer: Arc::new(key),
            warnings,
        })
    }
}
