//! Keys on a device as the rest of the program knows them: found at the start, and asked to sign.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backends::device::{Backup, Device, DeviceSample};
use crate::backends::key_source::{KeySource, KeyTraits, OpenKeyError, Opened};
use crate::backends::replicas::{Replica, ReplicaSource};
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::key_type::DeviceKeyType;
use crate::backends::yubihsm::protocol::rights::LoginRisk;
use crate::consensus::{PublicKey, Signature, key_text};
use crate::gate::Prepared;
use crate::gate::permit::Permit;
use crate::os::clock::{Clock, SystemClock};
use crate::remedy::CommandLine;
use crate::signer::{Signer, SignerError, within_length};

use super::provider::Provider;
use super::thread::DeviceHandle;

/// How long a key may take to be found at the start.
const FIND: Duration = Duration::from_secs(4);
/// No request is worth more time, whatever it says.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A configured key on a device.
pub struct DeviceKeySource {
    provider: Arc<Provider>,
    id: u16,
    key_type: DeviceKeyType,
    traits: KeyTraits,
}

impl KeySource for DeviceKeySource {
    fn is_same(&self, other: &dyn KeySource) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            self.provider.is_same(&other.provider)
                && (self.id, self.key_type) == (other.id, other.key_type)
        })
    }

    fn is_at_hand(&self) -> bool {
        self.provider.is_in_use()
    }

    fn traits(&self) -> &KeyTraits {
        &self.traits
    }

    fn devices(&self) -> Vec<&dyn Device> {
        vec![self]
    }

    fn open(&self) -> Result<Opened, OpenKeyError> {
        let (key, warnings) = self.find()?;
        Ok(Opened {
            signer: Arc::new(key),
            warnings,
        })
    }
}

impl ReplicaSource for DeviceKeySource {
    fn open_replica(&self) -> Result<Opened<dyn Replica>, OpenKeyError> {
        let (key, warnings) = self.find()?;
        Ok(Opened {
            signer: Arc::new(key),
            warnings,
        })
    }
}

impl Device for DeviceKeySource {
    fn status(&self) -> DeviceSample {
        self.provider.now(self.id)
    }

    fn needs_repair(&self) -> bool {
        self.provider.needs_repair()
    }

    fn repair(&self) {
        self.provider.repair();
    }

    fn backup(&self, key: &PublicKey) -> Option<Backup> {
        let entry = self.provider.backups.as_ref()?.of(key);
        // What cannot be read says nothing about the backup; the log says that it cannot be read.
        Some(match entry.ok()? {
            Some(entry) => Backup::Proven(Duration::from_secs(entry.seconds)),
            None => Backup::NeverProven,
        })
    }
}

impl DeviceKeySource {
    /// The key with this id on the device of a section, which must be of this type.
    pub fn new(provider: Arc<Provider>, id: u16, key_type: DeviceKeyType) -> Self {
        let traits = KeyTraits {
            device_keys: vec![provider.key_id(id)],
            ..KeyTraits::of(format!("{} key 0x{id:04x}", provider.place))
        };
        Self {
            provider,
            id,
            key_type,
            traits,
        }
    }

    fn find(&self) -> Result<(DeviceKey, Vec<String>), OpenKeyError> {
        let failed = |error: Error| OpenKeyError(error.to_string());
        let (handle, mut warnings) = self.provider.handle().map_err(failed)?;
        let until = Instant::now() + FIND;
        let found = handle.find(self.id, self.key_type, until).map_err(failed)?;
        let leak = found.info.ecdsa_leak();
        let leak = leak.filter(|_| self.key_type != DeviceKeyType::Ed25519);
        warnings.extend(leak.map(|leak| format!("{}: {leak}", self.traits.location)));
        warnings.extend(found.risk.as_ref().map(|risk| self.risky(risk)));
        let backups = self.provider.backups.as_ref();
        let wall = SystemClock.now().wall;
        warnings.extend(backups.and_then(|backups| backups.reminder(&found.public_key, wall)));
        let key = DeviceKey {
            name: self.traits.location.clone(),
            handle,
            id: self.id,
            key_type: self.key_type,
            public_key: found.public_key,
            list: self.provider.commands.keys_list(),
        };
        Ok((key, warnings))
    }

    /// A login that does not belong into service, and the one that does.
    fn risky(&self, risk: &LoginRisk) -> String {
        let place = &self.provider.place;
        let derive = ["yubihsm", "derive", "--role", "validator", "-o", "FILE"];
        let derive = CommandLine::without_config(derive);
        let setup = self.provider.commands.line(["setup"]);
        let end = "give one that may only sign its own password, and name both in `auth`";
        match risk {
            LoginRisk::Factory { .. } => format!(
                "{place}: {risk}. Back the key up, set the device up with `{setup}` and bring the key in again; or {end}, \
                 and change or delete the factory's"
            ),
            LoginRisk::Powerful { .. } => format!(
                "{place}: {risk}. A device that was set up here has such a login for signing: write its password with \
                 `{derive}`, and `auth = {{ key = 4, password_file = \"FILE\" }}`. On another device {end}"
            ),
        }
    }
}

/// A key on a device.
pub struct DeviceKey {
    name: String,
    handle: DeviceHandle,
    id: u16,
    key_type: DeviceKeyType,
    public_key: PublicKey,
    /// Shows the keys of the device.
    list: CommandLine,
}

impl DeviceKey {
    /// The longest message in bytes that the device signs with this key; `None` where it only sees a digest.
    fn longest(&self) -> Option<usize> {
        match self.key_type {
            DeviceKeyType::Ed25519 => Some(self.handle.longest_message()),
            DeviceKeyType::Secp256k1 | DeviceKeyType::Secp256k1Eth => None,
        }
    }
}

impl Signer for DeviceKey {
    fn public_key(&self) -> PublicKey {
        self.public_key.clone()
    }

    fn accepts(&self, prepared: &Prepared) -> Result<(), SignerError> {
        self.longest()
            .map_or(Ok(()), |longest| within_length(prepared, longest))
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        self.sign_by(permit, permit.until())
    }
}

impl Replica for DeviceKey {
    fn sign_by(&self, permit: &Permit, until: Duration) -> Result<Signature, SignerError> {
        let length = permit.bytes().len();
        if let Some(longest) = self.longest().filter(|longest| length > *longest) {
            return Err(SignerError::TooLong { length, longest });
        }
        let left = until.saturating_sub(SystemClock.now().monotonic);
        let until = Instant::now() + left.min(LONGEST_WAIT);
        let bytes = self
            .handle
            .sign(self.id, self.key_type, permit, until)
            .map_err(|error| match error.kind {
                ErrorKind::Late => SignerError::Late(error.to_string()),
                _ => SignerError::Failed(error.to_string()),
            })?;
        let valid = |bytes| {
            let signature = Signature::from_bytes(bytes);
            let valid = self.public_key.verify(permit.bytes(), &signature);
            valid.then_some(signature)
        };
        // Which of two keys the signature is of, the device does not say: it is tried.
        let signature = match self.key_type {
            DeviceKeyType::Secp256k1Eth => {
                let both = [0, 1].map(|v| [&bytes[..], &[v]].concat());
                both.into_iter().find_map(valid)
            }
            DeviceKeyType::Ed25519 | DeviceKeyType::Secp256k1 => valid(bytes),
        };
        match signature {
            Some(signature) => Ok(signature),
            None => Err(SignerError::WrongSignature(format!(
                "{}: what came back is not a signature of {} and was discarded; the device is broken or was swapped: \
                 compare `{}` with the validator's key",
                self.name,
                key_text::to_base64(&self.public_key),
                self.list
            ))),
        }
    }

    fn is_up(&self) -> bool {
        self.handle.is_up()
    }

    fn waiting(&self) -> usize {
        self.handle.waiting()
    }
}
