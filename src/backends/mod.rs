//! The devices, and THE TABLE: a backend is one folder and one line of [`TABLE`].

#[cfg(feature = "softsign")]
pub mod softsign;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::secret_file::SecretSource;
use crate::signer::Signer;
use crate::written::{At, Problem, Section};

/// What paths in a configuration are relative to.
#[derive(Clone, Debug)]
pub struct Base {
    /// The folder of the configuration file.
    pub folder: PathBuf,
    /// The operator's home, for `~` and `$HOME`.
    pub home: Option<PathBuf>,
}

impl Base {
    /// A path as written, made absolute.
    pub fn path(&self, text: &str) -> PathBuf {
        for start in ["~/", "$HOME/", "${HOME}/"] {
            if let (Some(rest), Some(home)) = (text.strip_prefix(start), &self.home) {
                return home.join(rest);
            }
        }
        self.folder.join(Path::new(text))
    }

    /// A secret's place as written: a path, `env:NAME` or `credential:NAME`.
    pub fn secret(&self, text: &str) -> SecretSource {
        if let Some(name) = text.strip_prefix("env:") {
            SecretSource::Environment(name.to_owned())
        } else if let Some(name) = text.strip_prefix("credential:") {
            SecretSource::Credential(name.to_owned())
        } else {
            SecretSource::File(self.path(text))
        }
    }
}

/// The keys that one provider section configures.
pub struct Provided {
    /// The chains that they sign for.
    pub chain_ids: Vec<At<String>>,
    /// What two sections must not share: the key file or the device.
    pub source: At<String>,
    /// How to open the key.
    pub key: Arc<dyn KeySource>,
}

/// A configured key that is not open yet.
pub trait KeySource: Send + Sync {
    /// What it is, for messages: the backend and the file or device.
    fn describe(&self) -> String;

    /// Opens it. The warnings are for the operator.
    fn open(&self) -> Result<(Arc<dyn Signer>, Vec<String>), OpenKeyError>;
}

/// Why a key cannot be opened. The text names the key and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenKeyError(pub String);

/// One kind of `[[providers.NAME]]`.
pub struct Backend {
    /// The name in the configuration.
    pub name: &'static str,
    /// Reads one section.
    pub read: fn(&mut Section<'_>, &Base, &mut Vec<Problem>) -> Vec<Provided>,
}

/// Every backend of this build.
pub const TABLE: &[Backend] = &[
    #[cfg(feature = "softsign")]
    Backend {
        name: "softsign",
        read: softsign::config::read,
    },
];

/// Backends that people's files name and this version does not have, with the remedy.
pub const ABSENT: &[(&str, &str)] = &[
    (
        "yubihsm",
        "this version signs with softsign only; keep the older signer for this chain until YubiHSM support is released",
    ),
    (
        "ledgertm",
        "this version signs with softsign only; keep the older signer for this chain until Ledger support is released",
    ),
    (
        "fortanixdsm",
        "Fortanix DSM is not supported; its keys can be reached by PKCS#11, which a later version will speak",
    ),
];
