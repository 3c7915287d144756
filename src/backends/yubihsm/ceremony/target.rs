//! A device that a ceremony works on, and who may log in to it.

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::backends::yubihsm::protocol::auth_key::{AuthKey, Credentials, FACTORY_PASSWORD};
use crate::backends::yubihsm::protocol::commands::DeviceCommands;
use crate::backends::yubihsm::protocol::error::ErrorKind;
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::backends::yubihsm::protocol::transport::Transport;
use crate::backends::yubihsm::session::client::DeviceClient;
use crate::backends::yubihsm::session::login::introduce;
use crate::backends::yubihsm::session::objects::Objects;

use super::derive::{self, Role};
use super::error::CeremonyError;
use super::mnemonic::Mnemonic;
use super::plan::{self, TEMPORARY};

/// How long one login may take.
pub(super) const LOGIN: Duration = Duration::from_secs(5);

/// The login of a device from the factory.
pub fn factory() -> Credentials {
    Credentials {
        id: Role::Admin.id(),
        key: AuthKey::from_password(FACTORY_PASSWORD),
    }
}

/// A device, and the way to it.
pub struct SetupTarget<'a> {
    /// The device, in words.
    pub name: String,
    /// Its serial number; every login checks it.
    pub serial: Option<Serial>,
    /// A new connection to it.
    pub connect: &'a dyn Fn() -> Box<dyn Transport>,
    /// The longest wait for one frame.
    pub timeout: Duration,
    /// The commands about it, as messages print them.
    pub commands: DeviceCommands,
}

impl SetupTarget<'_> {
    /// A client that has sent nothing yet.
    pub fn client(&self, credentials: Credentials) -> DeviceClient {
        let transport = (self.connect)();
        DeviceClient::new(
            self.name.clone(),
            transport,
            self.serial,
            credentials,
            self.timeout,
            self.commands.clone(),
        )
    }

    /// What the device says of itself, without anybody logging in.
    pub(super) fn introduce(&self) -> Result<DeviceInfo, CeremonyError> {
        let mut client = self.client(Credentials::nobody());
        introduce(&mut client, Instant::now() + LOGIN).map_err(CeremonyError::Device)
    }

    /// Logs in; `None` where the key is not there or its password is another one.
    pub fn login(&self, id: u16, key: &AuthKey) -> Result<Option<Objects>, CeremonyError> {
        self.wait_for(id, key, LOGIN)
    }

    /// The same, and waits so long for a device that is away.
    pub(super) fn wait_for(
        &self,
        id: u16,
        key: &AuthKey,
        patience: Duration,
    ) -> Result<Option<Objects>, CeremonyError> {
        let key = key.clone();
        let mut objects = Objects::new(self.client(Credentials { id, key }));
        match objects.open(patience) {
            Ok(_) => Ok(Some(objects)),
            Err(error) if is_stranger(&error.kind) => Ok(None),
            Err(error) => Err(CeremonyError::Device(error)),
        }
    }

    /// Logs in with a key that must be there.
    pub fn need(&self, credentials: &Credentials) -> Result<Objects, CeremonyError> {
        let login = self.login(credentials.id, &credentials.key)?;
        login.ok_or_else(|| CeremonyError::Locked {
            device: self.name.clone(),
        })
    }

    /// The device is not what a reset leaves.
    pub(super) fn not_erased(&self, found: impl Into<String>) -> CeremonyError {
        CeremonyError::NotErased {
            device: self.name.clone(),
            found: found.into(),
        }
    }
}

fn is_stranger(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unproven { .. } | ErrorKind::UnknownAuthKey { .. }
    )
}

/// All keys of one mnemonic, derived once.
pub struct Secrets {
    roles: [AuthKey; 4],
    temporary: AuthKey,
    /// The wrap key.
    pub wrap: Zeroizing<[u8; 32]>,
}

impl Secrets {
    /// Derives them; takes some milliseconds.
    pub fn of(mnemonic: &Mnemonic) -> Self {
        Self {
            roles: Role::ALL.map(|role| role.auth_key(mnemonic)),
            temporary: derive::temporary_key(mnemonic),
            wrap: derive::wrap_key(mnemonic, plan::WRAP_KEY),
        }
    }

    /// The login of an unfinished ceremony.
    pub(super) fn temporary(&self) -> Credentials {
        Credentials {
            id: TEMPORARY,
            key: self.temporary.clone(),
        }
    }

    /// The administrator's login.
    pub fn admin(&self) -> Credentials {
        Credentials {
            id: Role::Admin.id(),
            key: self.role(Role::Admin).clone(),
        }
    }

    /// The authentication key of a role.
    pub fn role(&self, role: Role) -> &AuthKey {
        let [admin, operator, auditor, validator] = &self.roles;
        match role {
            Role::Admin => admin,
            Role::Operator => operator,
            Role::Auditor => auditor,
            Role::Validator => validator,
        }
    }
}
