//! A configured key file: how it is read, and what is said of one that cannot be.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use crate::backends::device::Device;
use crate::backends::key_source::{InFile, KeySource, KeyTraits, OpenKeyError, Opened};
use crate::consensus::{KeyType, PublicKey};
use crate::remedy::{self, CommandLine, Commands};
use crate::secret_file::kind::{self, FileKind, KeyFormatSetting, NamedBy, PemLabel};
use crate::secret_file::sealed::block::NotOneKey;
use crate::secret_file::sealed::pbes2::NotOpened;
use crate::secret_file::{self, Absent, SecretFileError, SecretSource};

use super::kdf_turn::KdfTurn;
use super::key::{SoftKey, SoftKeyError};
use super::passphrase::{NotAPassphrase, Passphrase};
use super::pem::{self, PemKey, PemKeyError};
use super::tried::{OpenedKey, Tried};

/// For a file that is damaged.
const FROM_BACKUP: &str = "; bring the file from its backup";

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
    /// What came of it: a service tries again and again.
    tried: Tried,
    /// Whose turn it is to compute a key from a passphrase.
    turn: Arc<KdfTurn>,
}

impl KeyFile {
    /// The file that lies at `source` and is written as `format`. Messages about it print `commands`. With an
    /// encrypted one `turn` is waited for.
    pub fn new(
        source: SecretSource,
        format: FileFormat,
        kind: KeyType,
        commands: Commands,
        turn: Arc<KdfTurn>,
    ) -> Self {
        let file = match &source {
            SecretSource::File(path) => Some(InFile {
                path: path.clone(),
                json: format == FileFormat::Json,
                pem: format == FileFormat::Pem,
                share: false,
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
            turn,
        }
    }

    /// Reads the key; the texts are warnings.
    pub fn load(&self) -> Result<(Arc<SoftKey>, Vec<String>), OpenKeyError> {
        let secret = secret_file::read(&self.source).map_err(|error| self.unread(&error))?;
        let mut warnings: Vec<String> = secret.warning.into_iter().collect();
        let file = &*secret.bytes;
        let passphrase = match &self.format {
            // What is no encrypted key needs no passphrase to be told so.
            FileFormat::Encrypted(source) if pem::is_encrypted(file) => {
                let read = Passphrase::read(source);
                let read = read.map_err(|error| self.no_passphrase(source, &error))?;
                warnings.extend(read.1);
                Some(read.0)
            }
            _ => None,
        };
        let opened = self.open_once(file, passphrase.as_ref())?;
        if opened.weak {
            warnings.push(format!(
                "the encryption of the key in {} is weak: whoever gets the file tries passphrases quickly; decrypt it, and \
                 encrypt it anew with `softsign encrypt`",
                self.source
            ));
        }
        Ok((opened.key, warnings))
    }

    /// The key of these bytes, or why there is none; nothing is computed a second time.
    fn open_once(
        &self,
        file: &[u8],
        passphrase: Option<&Passphrase>,
    ) -> Result<OpenedKey, OpenKeyError> {
        let with = passphrase.map_or(&[][..], Passphrase::as_bytes);
        if let Some(came) = self.tried.before(file, with) {
            return came;
        }
        let read = self.key_in(file, passphrase);
        let passes = read.as_ref().is_err_and(PemKeyError::passes);
        let came = match read {
            Ok(read) => Ok(OpenedKey {
                key: Arc::new(read.key),
                weak: read.weak,
            }),
            Err(error) => Err(self.no_key(&error)),
        };
        if !passes {
            self.tried.remember(file, with, &came);
        }
        came
    }

    fn key_in(&self, file: &[u8], passphrase: Option<&Passphrase>) -> Result<PemKey, PemKeyError> {
        let plain = |key| PemKey { key, weak: false };
        let kind = self.kind;
        let read = match (&self.format, passphrase) {
            (FileFormat::Base64, _) => plain(SoftKey::from_base64(file, kind)?),
            (FileFormat::Json, _) => plain(SoftKey::from_json(file, kind)?),
            (FileFormat::Pem, _) => pem::read(file, None, Some(kind))?,
            (FileFormat::Encrypted(_), None) => {
                pem::read(file, None, Some(kind))?;
                return Err(PemKeyError::NotEncrypted);
            }
            (FileFormat::Encrypted(_), Some(_)) => {
                let _turn = self.turn.wait();
                pem::read(file, passphrase, Some(kind))?
            }
        };
        let found = read.key.public_key().key_type();
        match found == kind {
            true => Ok(read),
            false => Err(SoftKeyError::Type {
                found,
                wanted: kind,
            }
            .into()),
        }
    }

    fn wrong(&self, what: &dyn std::fmt::Display, remedy: &str) -> OpenKeyError {
        OpenKeyError(format!("the key in {}: {what}{remedy}", self.source))
    }

    fn no_key(&self, error: &PemKeyError) -> OpenKeyError {
        let PemKeyError::Key(error) = error else {
            return self.no_pem_key(error);
        };
        let remedy = match (error, &self.format) {
            (SoftKeyError::Type { .. } | SoftKeyError::NoThread(_), _) => String::new(),
            (SoftKeyError::OtherKind(found), FileFormat::Base64) => {
                self.other_kind(found, KeyFormatSetting::Base64)
            }
            (SoftKeyError::OtherKind(found), FileFormat::Json) => {
                self.other_kind(found, KeyFormatSetting::Json)
            }
            (_, FileFormat::Base64 | FileFormat::Json) => String::new(),
            (_, FileFormat::Pem | FileFormat::Encrypted(_)) => FROM_BACKUP.to_owned(),
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
            return self.wrong(&PemKeyError::NotEncrypted, &self.encrypt_it(error));
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
            _ => FROM_BACKUP.to_owned(),
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
    fn encrypt_it(&self, plain: &PemKeyError) -> String {
        // Of base64 nobody can tell the type of the key, and of PEM mostly not which of the two of its curve.
        let says_it = match plain {
            PemKeyError::OtherKind(FileKind::Base64) => false,
            PemKeyError::NotEncrypted => self.kind != KeyType::Secp256k1Eth,
            _ => true,
        };
        match &self.source {
            SecretSource::File(path) => {
                let kind = (!says_it).then(|| self.kind.word());
                format!(
                    "; encrypt it with `{}` and name {} as `path`, or remove `passphrase_file`",
                    remedy::encrypt(path, kind),
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

    fn look(&self) -> Result<PublicKey, OpenKeyError> {
        let file = secret_file::contents(&self.source).map_err(|error| self.unread(&error))?;
        if let Some(known) = self.tried.public_key_in(&file) {
            return Ok(known);
        }
        match self.load() {
            Ok((key, _)) => Ok(key.public_key()),
            Err(error) => pem::stated(&file, self.kind).ok_or(error),
        }
    }

    fn open(&self) -> Result<Opened, OpenKeyError> {
        let (signer, warnings) = self.load()?;
        Ok(Opened { signer, warnings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret_file::create;
    use std::fs;
    use std::time::Duration;

    const PASSPHRASE: &[u8] = b"correct horse battery\n";

    /// An encrypted file with this key, and its passphrase beside it.
    fn encrypted(folder: &Path, key: u8) -> (KeyFile, SoftKey) {
        let key = SoftKey::from_bytes(&[key; 32], KeyType::Ed25519).unwrap();
        let text = pem::write(&key, &Passphrase::of(PASSPHRASE).unwrap()).unwrap();
        let (file, passphrase) = (folder.join("k.pem"), folder.join("passphrase"));
        for (path, text) in [(&file, &*text), (&passphrase, &PASSPHRASE.to_vec())] {
            let _ = fs::remove_file(path);
            create(path, text).unwrap();
        }
        let format = FileFormat::Encrypted(SecretSource::File(passphrase));
        let source = KeyFile::new(
            SecretSource::File(file),
            format,
            KeyType::Ed25519,
            Commands::of_any_config(),
            Arc::default(),
        );
        (source, key)
    }

    #[test]
    fn what_was_opened_is_not_computed_again() {
        let folder = tempfile::tempdir().unwrap();
        let (source, key) = encrypted(folder.path(), 1);
        let load = |source: &KeyFile| source.load().map(|(key, _)| key);
        let first = load(&source).unwrap();
        assert!(Arc::ptr_eq(&first, &load(&source).unwrap()));
        assert_eq!(source.look(), Ok(key.public_key()));
        // It is the same file, whoever could open it now.
        let passphrase = folder.path().join("passphrase");
        fs::write(&passphrase, "another one\n").unwrap();
        assert_eq!(source.look(), Ok(key.public_key()));
        fs::remove_file(&passphrase).unwrap();
        assert_eq!(source.look(), Ok(key.public_key()));
        assert!(load(&source).is_err(), "which needs the passphrase");
    }

    #[test]
    fn another_key_in_its_place_is_seen_without_its_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let (source, _) = encrypted(folder.path(), 1);
        source.load().unwrap();
        let (_, other) = encrypted(folder.path(), 2);
        let passphrase = folder.path().join("passphrase");
        fs::remove_file(passphrase).unwrap();
        assert_eq!(source.look(), Ok(other.public_key()));
        // OpenSSL states none.
        let pem = folder.path().join("k.pem");
        let stated = fs::read_to_string(&pem).unwrap();
        fs::write(&pem, stated.replace("public key: ", "")).unwrap();
        assert!(source.look().is_err());
    }

    #[test]
    fn one_passphrase_is_computed_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (source, _) = encrypted(folder.path(), 1);
        // Of 2,048 rounds: what is waited for is the turn.
        let quick = fs::read("tests/key_files/openssl-2048-rounds.pem").unwrap();
        fs::write(folder.path().join("k.pem"), quick).unwrap();
        let turn = source.turn.clone();
        let before = turn.wait();
        std::thread::scope(|scope| {
            let opens = scope.spawn(|| source.load().map(drop));
            std::thread::sleep(Duration::from_millis(300));
            assert!(!opens.is_finished());
            drop(before);
            assert_eq!(opens.join().unwrap(), Ok(()));
        });
    }

    #[test]
    fn what_says_nothing_of_a_file_is_not_remembered() {
        let thread = PemKeyError::Key(SoftKeyError::NoThread("none".to_owned()));
        assert!(thread.passes());
        for of_the_file in [
            PemKeyError::NotOpened(NotOpened::Passphrase),
            PemKeyError::Key(SoftKeyError::NotBase64),
        ] {
            assert!(!of_the_file.passes());
        }
    }
}
