//! A configured key before it is opened: what is known of it, its devices, and the way to open it.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use crate::consensus::{KeyType, PublicKey};
use crate::secret_file::SecretSource;
use crate::signer::Signer;

use super::device::Device;

/// A configured key that is not open yet. Commands of one backend know their own sources by [`Any`].
pub trait KeySource: Any + Send + Sync {
    /// What is known of it without opening it.
    fn traits(&self) -> &KeyTraits;

    /// The devices that hold it; none for a key in this process's memory. They are told of while the key cannot be opened,
    /// too.
    fn devices(&self) -> Vec<&dyn Device>;

    /// Whether it is the key of `other`, opened in the same way: a service that reads its configuration again then keeps the
    /// one that it has.
    fn is_same(&self, other: &dyn KeySource) -> bool;

    /// Whether it can be opened for a look beside the one that signs: it is in a file, or on devices that this process has
    /// open already.
    fn is_at_hand(&self) -> bool {
        self.devices().is_empty()
    }

    /// The public key of what lies there now, for a look beside the key that was opened and signs. What was opened is known
    /// again without the work of opening it, or the passphrase.
    ///
    /// # Errors
    /// It cannot be opened, and does not say which key it is.
    fn look(&self) -> Result<PublicKey, OpenKeyError> {
        Ok(self.open()?.signer.public_key())
    }

    /// Which share of its key it is, where it is one: the one that was read the last time.
    fn share_id(&self) -> Option<u16> {
        None
    }

    /// Everything that [`KeySource::open`] would find, for a command that does not sign: nothing is begun that others see and
    /// that outlives the call, as a port that is listened at.
    ///
    /// # Errors
    /// As [`KeySource::open`].
    fn inspect(&self) -> Result<SeenKey, OpenKeyError> {
        let Opened { signer, warnings } = self.open()?;
        Ok(SeenKey {
            public_key: signer.public_key(),
            warnings,
            notes: Vec::new(),
            unavailable: signer.unavailable_reason(),
        })
    }

    /// Opens it.
    fn open(&self) -> Result<Opened, OpenKeyError>;
}

/// A key that was looked at, and is not open any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenKey {
    /// The public key.
    pub public_key: PublicKey,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// What is good to know.
    pub notes: Vec<String>,
    /// Why it could not sign now.
    pub unavailable: Option<String>,
}

/// What is known of a key without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTraits {
    /// Where it is, for messages: the backend and the file or device.
    pub location: String,
    /// The file that holds it, if one does.
    pub file: Option<InFile>,
    /// Which keys on which devices it is; none for a key in a file.
    pub device_keys: Vec<DeviceKeyId>,
    /// Whether it can sign vote extensions and raw bytes; a chain with a key that cannot must say so in its settings.
    pub signs_extensions: bool,
    /// Whether it is a share, which signs together with those of other hosts.
    pub is_share: bool,
}

impl KeyTraits {
    /// A key that signs everything and is in no file and on no device.
    pub fn of(location: impl Into<String>) -> Self {
        Self {
            location: location.into(),
            file: None,
            device_keys: Vec::new(),
            signs_extensions: true,
            is_share: false,
        }
    }
}

/// A key that was opened.
pub struct Opened<S: ?Sized = dyn Signer> {
    /// What signs with it.
    pub signer: Arc<S>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// Which key on which device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceKeyId {
    /// The device, as the configuration identifies it.
    pub device: String,
    /// The key's id there.
    pub id: u16,
}

/// A key that lies in a file, and how it is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFile {
    /// The file.
    pub path: PathBuf,
    /// `priv_validator_key.json`; otherwise base64, if it is not PEM.
    pub json: bool,
    /// PEM without encryption.
    pub pem: bool,
    /// A share, and no key.
    pub share: bool,
    /// Where the passphrase is with which it is encrypted, if it is.
    pub passphrase: Option<SecretSource>,
    /// Its type.
    pub key_type: KeyType,
}

/// Why a key cannot be opened. The text names the key and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenKeyError(pub String);
