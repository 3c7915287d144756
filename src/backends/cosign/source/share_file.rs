//! The file of this member's share, read.

use std::path::Path;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::backends::cosign::sealed_share::{self, SealedShareError};
use crate::backends::softsign::passphrase::{NotAPassphrase, Passphrase};
use crate::consensus::PublicKey;
use crate::remedy::{self, CommandLine};
use crate::secret_file::kind::{self, FileKind};
use crate::secret_file::sealed::pbes2::NotOpened;
use crate::secret_file::{self, Absent, SecretFileError, SecretSource};
use crate::shares::{KeyShare, KeyShareError};

const FROM_BACKUP: &str = "bring the file from its backup";

/// Where the share is, and its passphrase.
pub(super) struct ShareFile {
    source: SecretSource,
    passphrase: Option<SecretSource>,
    /// What did not open the last time: a service tries again and again, and a passphrase takes a quarter of a second.
    failed: Mutex<Option<FailedTry>>,
}

struct FailedTry {
    /// Of file and passphrase.
    digest: Zeroizing<[u8; 32]>,
    error: SealedShareError,
}

impl ShareFile {
    pub(super) fn new(source: SecretSource, passphrase: Option<SecretSource>) -> Self {
        Self {
            source,
            passphrase,
            failed: Mutex::default(),
        }
    }

    /// The share that lies there, with warnings about the files.
    ///
    /// # Errors
    /// There is none, it is damaged, or it does not open; with the remedy.
    pub(super) fn read(&self) -> Result<(KeyShare, Vec<String>), String> {
        let secret = secret_file::read(&self.source).map_err(|error| unread(&error))?;
        let mut warnings: Vec<String> = secret.warning.into_iter().collect();
        let file = &secret.bytes;
        let share = match (sealed_share::is_sealed(file), &self.passphrase) {
            (false, None) => {
                KeyShare::from_json(file).map_err(|error| self.no_share(file, &error))?
            }
            (true, None) => {
                return Err(self.wrong(
                    "it is encrypted with a passphrase",
                    "say with `passphrase_file = \"FILE\"` where its passphrase is",
                ));
            }
            (false, Some(_)) => {
                KeyShare::from_json(file).map_err(|error| self.no_share(file, &error))?;
                return Err(self.wrong("it is not encrypted", &self.encrypt_it()));
            }
            (true, Some(source)) => {
                let read = Passphrase::read(source);
                let (passphrase, warning) =
                    read.map_err(|error| self.no_passphrase(source, &error))?;
                warnings.extend(warning);
                let opened = self
                    .open_once(file, &passphrase)
                    .map_err(|error| self.not_opened(source, &error))?;
                if opened.weak {
                    warnings.push(format!(
                        "the encryption of the share in {} is weak: whoever gets the file tries passphrases quickly; decrypt it, \
                         and encrypt it anew with `cosign encrypt`",
                        self.source
                    ));
                }
                opened.share
            }
        };
        Ok((share, warnings))
    }

    /// The public key of the share that lies there: an encrypted one states it.
    ///
    /// # Errors
    /// As for [`ShareFile::read`].
    pub(super) fn look(&self) -> Result<PublicKey, String> {
        let file = secret_file::contents(&self.source).map_err(|error| unread(&error))?;
        match sealed_share::stated(&file) {
            Some(stated) => Ok(stated),
            None => self.read().map(|(share, _)| share.public_key().clone()),
        }
    }

    fn open_once(
        &self,
        file: &[u8],
        passphrase: &Passphrase,
    ) -> Result<sealed_share::OpenedShare, SealedShareError> {
        let mut hash = Sha256::new();
        hash.update(u64::try_from(file.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(file);
        hash.update(passphrase.as_bytes());
        let digest: Zeroizing<[u8; 32]> = Zeroizing::new(hash.finalize().into());
        let mut failed = self.failed.lock();
        if let Some(before) = failed.as_ref().filter(|before| before.digest == digest) {
            return Err(before.error.clone());
        }
        let opened = sealed_share::open(file, passphrase);
        *failed = opened.as_ref().err().map(|error| FailedTry {
            digest,
            error: error.clone(),
        });
        opened
    }

    fn wrong(&self, what: &str, remedy: &str) -> String {
        format!("the share in {}: {what}; {remedy}", self.source)
    }

    fn not_opened(&self, passphrase: &SecretSource, error: &SealedShareError) -> String {
        let remedy = match error {
            SealedShareError::NotOpened(NotOpened::Passphrase) => {
                format!("correct {passphrase}, or {FROM_BACKUP}")
            }
            _ => FROM_BACKUP.to_owned(),
        };
        self.wrong(&error.to_string(), &remedy)
    }

    /// One that comes later is noticed, so the remedy is to bring it.
    fn no_passphrase(&self, source: &SecretSource, error: &NotAPassphrase) -> String {
        let what = format!("the passphrase of the share in {}", self.source);
        let put = |path: &Path| CommandLine::on_file("install", &["-m", "600", "PASSPHRASE"], path);
        match error {
            NotAPassphrase::Unread(unread) => match unread.absent() {
                Some(Absent::Missing(path) | Absent::Empty(path)) => format!(
                    "{what}: {unread}; put it there with `{}`, or correct `passphrase_file`",
                    put(path)
                ),
                None => format!("{what}: {unread}"),
            },
            _ => format!("{what} in {source}: {error}; correct it there"),
        }
    }

    fn encrypt_it(&self) -> String {
        match &self.source {
            SecretSource::File(path) => format!(
                "encrypt it with `{}` and name {} as `share`, or remove `passphrase_file`",
                CommandLine::on_file("tmkms", &["cosign", "encrypt"], path),
                remedy::encrypted(path).display()
            ),
            SecretSource::Environment(_) | SecretSource::Credential(_) => {
                "remove `passphrase_file`, or put an encrypted share there".to_owned()
            }
        }
    }

    fn no_share(&self, bytes: &[u8], error: &KeyShareError) -> String {
        match (error, kind::look(bytes)) {
            (KeyShareError::Json { .. }, Some(found @ FileKind::Share)) => self.wrong(
                &found.to_string(),
                &format!(
                    "bring it into the form of this program with `{}`, and name the new file as `share`",
                    CommandLine::without_config(["cosign", "import", "SHARD"])
                ),
            ),
            // The parser of shares says more of these.
            (
                KeyShareError::Json { .. },
                Some(FileKind::OwnShare | FileKind::OtherJson | FileKind::BrokenJson(..)),
            ) => self.wrong(
                &error.to_string(),
                "bring the share.json of this member from its backup, or name it as `share`",
            ),
            (KeyShareError::Json { .. }, Some(found)) => self.wrong(
                &found.to_string(),
                "name the share.json of this member as `share`",
            ),
            _ => self.wrong(&error.to_string(), FROM_BACKUP),
        }
    }
}

/// A share that is not there is brought from where the key was split. Nobody makes another one in its place.
fn unread(error: &SecretFileError) -> String {
    let bring = |path| CommandLine::on_file("install", &["-m", "600", "SHARE"], path);
    match error.absent() {
        Some(Absent::Missing(path)) => format!(
            "the share: {error}; correct `share`, or bring the share.json of this member there with `{}`",
            bring(path)
        ),
        Some(Absent::Empty(path)) => format!(
            "the share: {error}; remove it with `{}`, and bring the share.json of this member there with `{}`",
            remedy::remove(path),
            bring(path)
        ),
        None => format!("the share: {error}"),
    }
}
