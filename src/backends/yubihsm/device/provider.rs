//! One `[[providers.yubihsm]]`: a device, who logs in to it, and its thread once it is used.

use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tracing::{error, info};
use zeroize::Zeroizing;

use crate::backends::device::{DeviceCounts, DeviceSample};
use crate::backends::key_source::DeviceKeyId;
use crate::backends::yubihsm::backup::log::BackupLog;
use crate::backends::yubihsm::protocol::auth_key::{AuthKey, Credentials};
use crate::backends::yubihsm::protocol::commands::DeviceCommands;
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::backends::yubihsm::protocol::transport::{DeviceAddress, Transport};
use crate::backends::yubihsm::session::client::DeviceClient;
use crate::backends::yubihsm::session::login::introduce;
use crate::remedy::{self, CommandLine};
use crate::secret_file::{self, Absent, SecretSource};

use super::thread::{DeviceHandle, DeviceThread};

/// Between two looks at a password that the device refused: it may have been corrected.
const COMPARE: Duration = Duration::from_secs(5);

/// How long a device may take to say what it is.
pub const LOOK: Duration = Duration::from_secs(3);

/// Where the password comes from.
#[derive(PartialEq, Eq)]
pub enum Password {
    /// It stands in the configuration.
    Inline(Zeroizing<String>),
    /// It stands elsewhere; white space at its end does not count.
    Elsewhere(SecretSource),
}

/// Makes a transport. Nothing is opened yet.
pub type Connect = Box<dyn Fn() -> Box<dyn Transport> + Send + Sync>;

/// A configured device. Its thread runs from the first use until this is dropped, which closes the session.
pub struct Provider {
    /// Where it is.
    pub place: DeviceAddress,
    /// Another way to it than that of its place.
    pub connect: Option<Connect>,
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
    pub backups: Option<BackupLog>,
    /// The commands about it, as messages print them.
    pub commands: DeviceCommands,
    device: Mutex<Option<InUse>>,
}

/// A device whose thread runs.
struct InUse {
    device: DeviceThread,
    /// How it logs in.
    login: Credentials,
    /// When a refused login was last compared with what is configured now.
    compared: Instant,
}

impl Provider {
    /// A device that is not touched yet.
    pub fn new(
        place: DeviceAddress,
        serial: Option<Serial>,
        auth_key: u16,
        password: Password,
        timeout: Duration,
    ) -> Self {
        Self {
            place,
            connect: None,
            serial,
            auth_key,
            password,
            timeout,
            note: None,
            backups: None,
            commands: DeviceCommands::default(),
            device: Mutex::new(None),
        }
    }

    /// Whether it is the same device, reached and logged in to in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.place, self.serial, self.auth_key, self.timeout)
            == (&other.place, other.serial, other.auth_key, other.timeout)
            && self.password == other.password
    }

    /// Whether this process has it open.
    pub fn is_in_use(&self) -> bool {
        self.lock().is_some()
    }

    /// A client of its own, for commands. The warning is about the password's file.
    pub fn client(&self) -> Result<(DeviceClient, Option<String>), Error> {
        let (credentials, warning) = self.credentials().map_err(|kind| Error {
            device: self.place.to_string(),
            kind,
        })?;
        Ok((self.client_as(credentials), warning))
    }

    /// A client of its own that logs in with another key.
    pub fn client_as(&self, credentials: Credentials) -> DeviceClient {
        DeviceClient::new(
            self.place.to_string(),
            match &self.connect {
                Some(connect) => connect(),
                None => self.place.transport(),
            },
            self.serial,
            credentials,
            self.timeout,
            self.commands.clone(),
        )
    }

    /// What the device says of itself, without anybody logging in: before a person is asked for secrets.
    pub fn look(&self) -> Result<DeviceInfo, Error> {
        let mut client = self.client_as(Credentials::nobody());
        introduce(&mut client, Instant::now() + LOOK)
    }

    /// The configured login. The warning is about the password's file.
    pub fn credentials(&self) -> Result<(Credentials, Option<String>), ErrorKind> {
        let (key, warning) = self.auth_key()?;
        let id = self.auth_key;
        Ok((Credentials { id, key }, warning))
    }

    /// The device's thread, started now if it does not run yet.
    pub fn handle(&self) -> Result<(DeviceHandle, Vec<String>), Error> {
        if let Some(used) = &*self.lock() {
            return Ok((used.device.handle(), Vec::new()));
        }
        let error = |kind| Error {
            device: self.place.to_string(),
            kind,
        };
        // Outside of the lock: a file may keep one waiting.
        let (login, warning) = self.credentials().map_err(error)?;
        let mut used = self.lock();
        if let Some(used) = &*used {
            return Ok((used.device.handle(), Vec::new()));
        }
        let device = DeviceThread::start(self.client_as(login.clone()))
            .map_err(|why| error(ErrorKind::Garbage(format!("no thread: {why}"))))?;
        let handle = used.insert(InUse {
            device,
            login,
            compared: Instant::now(),
        });
        let handle = handle.device.handle();
        Ok((
            handle,
            warning.into_iter().chain(self.note.clone()).collect(),
        ))
    }

    /// Held while a thread is started, never while a device or a file is asked.
    fn lock(&self) -> MutexGuard<'_, Option<InUse>> {
        self.device.lock()
    }

    /// Names a key on this device.
    pub fn key_id(&self, id: u16) -> DeviceKeyId {
        DeviceKeyId {
            device: self.place.to_string(),
            id,
        }
    }

    /// The device as it is now for a chain that needs this key; down while it is not used yet, or does not sign with the key.
    pub fn now(&self, key: u16) -> DeviceSample {
        let name = self.place.to_string();
        let Some(handle) = self.lock().as_ref().map(|used| used.device.handle()) else {
            return DeviceSample {
                name,
                serial: self.serial.map(|serial| serial.to_string()),
                counts: Some(DeviceCounts::default()),
                ..DeviceSample::default()
            };
        };
        let trouble = handle
            .unavailable_reason()
            .or_else(|| handle.key_trouble(key));
        let serial = handle.serial().or(self.serial);
        DeviceSample {
            name,
            serial: serial.map(|serial| serial.to_string()),
            up: trouble.is_none(),
            trouble,
            counts: Some(handle.counts()),
            log: handle.log(),
        }
    }

    /// Whether its thread hangs and another may be tried, or the device refuses the login.
    pub fn needs_repair(&self) -> bool {
        let used = self.lock();
        used.as_ref().is_some_and(|used| {
            let refused = used.device.handle().is_refused() && used.compared.elapsed() >= COMPARE;
            refused || used.device.is_worth_reopening()
        })
    }

    /// Reopens a device whose thread hangs, or one that refused the login, if that was corrected meanwhile.
    pub fn repair(&self) {
        let corrected = self.credentials().ok().map(|(login, _)| login);
        let mut used = self.lock();
        let Some(InUse {
            device,
            login,
            compared,
        }) = &mut *used
        else {
            return;
        };
        *compared = Instant::now();
        let hangs = device.is_worth_reopening();
        let is_other = |new: &Credentials| *new.key.to_bytes() != *login.key.to_bytes();
        let new = corrected.filter(is_other);
        let corrected = device.handle().is_refused() && new.is_some();
        if !hangs && !corrected {
            return;
        }
        let login_now = new.unwrap_or_else(|| login.clone());
        let name = self.place.to_string();
        // A login that no thread uses yet is compared, and tried, again.
        match device.reopen(self.client_as(login_now.clone())) {
            Ok(()) => *login = login_now,
            Err(why) => {
                error!(
                    event = "device_hangs",
                    device = name,
                    "{name}: cannot be opened again, no thread: {why}; look at this host's limits"
                );
                return;
            }
        }
        match hangs {
            true => error!(
                event = "device_hangs",
                device = name,
                "{name}: stuck: it has not come back to its thread, which was abandoned; another opens the device again. \
                 Chains whose key no other device holds answer without signing meanwhile, all others go on; if it \
                 repeats, plug the device out and in, and restart its connector"
            ),
            false => info!(
                event = "device_reopened",
                device = name,
                "{name}: its password was corrected, and it is opened again"
            ),
        }
    }

    fn auth_key(&self) -> Result<(AuthKey, Option<String>), ErrorKind> {
        match &self.password {
            Password::Inline(text) => Ok((AuthKey::from_password(text.as_bytes()), None)),
            Password::Elsewhere(source) => {
                let secret = secret_file::read(source).map_err(|error| {
                    let remedy = match error.absent() {
                        None => String::new(),
                        Some(Absent::Missing(path)) => write_password(path),
                        Some(Absent::Empty(path)) => {
                            format!(
                                "; remove it with `{}`{}",
                                remedy::remove(path),
                                write_password(path)
                            )
                        }
                    };
                    ErrorKind::Password(format!("{error}{remedy}"))
                })?;
                let key = AuthKey::from_password(secret.bytes.trim_ascii_end());
                Ok((key, secret.warning))
            }
        }
    }
}

fn write_password(path: &Path) -> String {
    let path = &*path.to_string_lossy();
    format!(
        "; correct `password_file`, or write the validator's password there with `{}`",
        CommandLine::without_config(["yubihsm", "derive", "--role", "validator", "-o", path])
    )
}
