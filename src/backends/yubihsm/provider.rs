//! One `[[providers.yubihsm]]`: a device, who logs in to it, and its thread once it is used.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::backends::{DeviceCounts, DeviceNow};
use crate::secret_file::{self, SecretFileError, SecretSource};

use super::client::{Client, Credentials};
use super::device::{Device, Handle};
use super::error::{Error, Kind, Serial};
use super::memory::Memory;
use super::scp03::AuthKey;
use super::transport::Place;

/// Where the password comes from.
pub enum Password {
    /// It stands in the configuration.
    Inline(Zeroizing<String>),
    /// It stands elsewhere; white space at its end does not count.
    Elsewhere(SecretSource),
}

/// A configured device. Its thread runs from the first use until this is dropped, which closes the session.
pub struct Provider {
    /// Where it is.
    pub place: Place,
    /// The serial number that it must have.
    pub serial: Option<Serial>,
    /// The authentication key's id.
    pub auth_key: u16,
    /// Its password.
    pub password: Password,
    /// The longest wait for one frame.
    pub timeout: Duration,
    /// What the operator is to be told when it is opened.
    pub note: Option<String>,
    /// Where proofs of backups are remembered; without it nobody is reminded.
    pub memory: Option<Memory>,
    device: Mutex<Option<Device>>,
}

impl Provider {
    /// A device that is not touched yet.
    pub fn new(
        place: Place,
        serial: Option<Serial>,
        auth_key: u16,
        password: Password,
        timeout: Duration,
    ) -> Self {
        Self {
            place,
            serial,
            auth_key,
            password,
            timeout,
            note: None,
            memory: None,
            device: Mutex::new(None),
        }
    }

    /// A client of its own, for commands. The warning is about the password's file.
    pub fn client(&self) -> Result<(Client, Option<String>), Error> {
        let (credentials, warning) = self.credentials().map_err(|kind| Error {
            device: self.place.to_string(),
            kind,
        })?;
        Ok((self.client_as(credentials), warning))
    }

    /// A client of its own that logs in with another key.
    pub fn client_as(&self, credentials: Credentials) -> Client {
        Client::new(
            self.place.to_string(),
            self.place.transport(),
            self.serial,
            credentials,
            self.timeout,
        )
    }

    /// The configured login. The warning is about the password's file.
    pub fn credentials(&self) -> Result<(Credentials, Option<String>), Kind> {
        let (key, warning) = self.auth_key()?;
        let id = self.auth_key;
        Ok((Credentials { id, key }, warning))
    }

    /// The device's thread, started now if it does not run yet.
    pub fn handle(&self) -> Result<(Handle, Vec<String>), Error> {
        let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = &*device {
            return Ok((device.handle(), Vec::new()));
        }
        let (client, warning) = self.client()?;
        let started = Device::start(client).map_err(|error| Error {
            device: self.place.to_string(),
            kind: Kind::Garbage(format!("no thread: {error}")),
        })?;
        let handle = device.insert(started).handle();
        Ok((
            handle,
            warning.into_iter().chain(self.note.clone()).collect(),
        ))
    }

    /// The device as it is now; down while it is not used yet.
    pub fn now(&self) -> DeviceNow {
        // Held while a thread is started, never while a device is asked.
        let device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = device.as_ref().map(Device::handle);
        DeviceNow {
            name: self.place.to_string(),
            up: handle.as_ref().is_some_and(Handle::is_up),
            counts: Some(handle.map_or_else(DeviceCounts::default, |handle| handle.counts())),
        }
    }

    fn auth_key(&self) -> Result<(AuthKey, Option<String>), Kind> {
        match &self.password {
            Password::Inline(text) => Ok((AuthKey::from_password(text.as_bytes()), None)),
            Password::Elsewhere(source) => {
                let secret = secret_file::read(source).map_err(|error| {
                    Kind::Password(match error {
                        SecretFileError::Missing(path) => format!(
                            "the file {} does not exist; correct `password_file`",
                            path.display()
                        ),
                        other => other.to_string(),
                    })
                })?;
                let key = AuthKey::from_password(secret.bytes.trim_ascii_end());
                Ok((key, secret.warning))
            }
        }
    }
}
