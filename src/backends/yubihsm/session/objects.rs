//! One logged-in client, one function for each thing that a ceremony asks of a device.

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::backends::yubihsm::protocol::codes::{command, object};
use crate::backends::yubihsm::protocol::commands::DeviceCommands;
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::info::read_public_key;
use crate::backends::yubihsm::protocol::info::{DeviceInfo, Listed, ObjectInfo, read_list};
use crate::consensus::PublicKey;

use super::client::DeviceClient;

/// How long one command may take, retries included.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest label in bytes.
pub const LABEL: usize = 40;

/// An object of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The type.
    pub kind: u8,
    /// The id.
    pub id: u16,
    /// The start of its label, and its name in messages.
    pub name: &'static str,
    /// The domains.
    pub domains: u16,
    /// What it may do.
    pub capabilities: u64,
    /// What it may give to others.
    pub delegated: u64,
    /// The algorithm.
    pub algorithm: u8,
}

/// A login, and what can be done with it.
pub struct Objects {
    client: DeviceClient,
    patience: Duration,
}

impl Objects {
    /// Takes a client; nothing is sent yet.
    pub fn new(client: DeviceClient) -> Self {
        Self {
            client,
            patience: PATIENCE,
        }
    }

    /// Logs in, and tries for so long if the device is away.
    pub fn open(&mut self, patience: Duration) -> Result<DeviceInfo, Error> {
        self.client.open(Instant::now() + patience)?;
        let info = self.client.info().cloned();
        info.ok_or_else(|| self.error(ErrorKind::Garbage("no device info".to_owned())))
    }

    /// The commands about this device.
    pub fn commands(&self) -> &DeviceCommands {
        self.client.commands()
    }

    /// An error of this device.
    pub fn error(&self, kind: ErrorKind) -> Error {
        Error {
            device: self.client.name().to_owned(),
            kind,
        }
    }

    fn run(
        &mut self,
        code: u8,
        data: &[u8],
        key: Option<u16>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.client
            .command(code, data, key, Instant::now() + self.patience)
    }

    /// Everything that this login may see, by type and id.
    pub fn list(&mut self) -> Result<Vec<Listed>, Error> {
        let answer = self.run(command::LIST_OBJECTS, &[], None)?;
        let mut list = read_list(&answer).map_err(|kind| self.error(kind))?;
        list.sort_by_key(|listed| (listed.kind, listed.id));
        Ok(list)
    }

    /// What an object says of itself; `None` where there is none.
    pub fn info(&mut self, kind: u8, id: u16) -> Result<Option<ObjectInfo>, Error> {
        let about = [&id.to_be_bytes()[..], &[kind]].concat();
        match self.run(command::GET_OBJECT_INFO, &about, Some(id)) {
            Ok(answer) => {
                let info = ObjectInfo::read(&answer).map_err(|kind| self.error(kind))?;
                Ok(Some(info))
            }
            Err(Error {
                kind: ErrorKind::NoKey { .. },
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts an object of the plan with this label and secret.
    pub fn put(&mut self, planned: &Planned, label: &str, secret: &[u8]) -> Result<(), Error> {
        let code = match planned.kind {
            object::AUTHENTICATION_KEY => command::PUT_AUTHENTICATION_KEY,
            object::WRAP_KEY => command::PUT_WRAP_KEY,
            object::ASYMMETRIC_KEY => command::PUT_ASYMMETRIC_KEY,
            _ => command::PUT_OPAQUE,
        };
        let data = Zeroizing::new([&fields(planned, label), secret].concat());
        self.run(code, &data, None).map(drop)
    }

    /// Makes a key in the device.
    pub fn generate(&mut self, planned: &Planned, label: &str) -> Result<(), Error> {
        let data = fields(planned, label);
        let code = command::GENERATE_ASYMMETRIC_KEY;
        self.run(code, &data, None).map(drop)
    }

    /// The public key of a key that signs votes.
    pub fn public_key(&mut self, id: u16) -> Result<PublicKey, Error> {
        let answer = self.run(command::GET_PUBLIC_KEY, &id.to_be_bytes(), Some(id))?;
        read_public_key(&answer).map_err(|kind| self.error(kind))
    }

    /// Deletes an object.
    pub fn delete(&mut self, kind: u8, id: u16) -> Result<(), Error> {
        let data = [&id.to_be_bytes()[..], &[kind]].concat();
        self.run(command::DELETE_OBJECT, &data, Some(id)).map(drop)
    }

    /// Erases the device. A lost answer is not a failure: whether the device was erased is checked afterwards.
    pub fn reset(&mut self) -> Result<(), Error> {
        let result = self.run(command::RESET_DEVICE, &[], None);
        self.client.close();
        match result {
            Err(error) if !error.kind.is_loss() => Err(error),
            _ => Ok(()),
        }
    }

    /// Random bytes of the device.
    pub fn random(&mut self) -> Result<Zeroizing<[u8; 32]>, Error> {
        let answer = self.run(command::GET_PSEUDO_RANDOM, &32_u16.to_be_bytes(), None)?;
        let bytes = <[u8; 32]>::try_from(answer.as_slice()).map_err(|_| {
            self.error(ErrorKind::Garbage(format!("{} random bytes", answer.len())))
        })?;
        Ok(Zeroizing::new(bytes))
    }

    /// Encrypts bytes with a wrap key.
    pub fn wrap_data(&mut self, wrap: u16, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let data = [&wrap.to_be_bytes()[..], bytes].concat();
        self.run(command::WRAP_DATA, &data, Some(wrap))
    }

    /// A key, wrapped.
    pub fn export(&mut self, wrap: u16, id: u16) -> Result<Zeroizing<Vec<u8>>, Error> {
        let data = [
            &wrap.to_be_bytes()[..],
            &[object::ASYMMETRIC_KEY],
            &id.to_be_bytes(),
        ]
        .concat();
        self.run(command::EXPORT_WRAPPED, &data, None)
    }

    /// Takes a wrapped object in and gives its type and id.
    pub fn import(&mut self, wrap: u16, bytes: &[u8]) -> Result<(u8, u16), Error> {
        let data = [&wrap.to_be_bytes()[..], bytes].concat();
        match self.run(command::IMPORT_WRAPPED, &data, None)?.as_slice() {
            [kind, high, low] => Ok((*kind, u16::from_be_bytes([*high, *low]))),
            other => Err(self.error(ErrorKind::Garbage(format!("{} bytes", other.len())))),
        }
    }

    /// An opaque object.
    pub fn opaque(&mut self, id: u16) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.run(command::GET_OPAQUE, &id.to_be_bytes(), Some(id))
    }

    /// An option.
    pub fn option(&mut self, tag: u8) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.run(command::GET_OPTION, &[tag], None)
    }

    /// Sets an option.
    pub fn set_option(&mut self, tag: u8, value: &[u8]) -> Result<(), Error> {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let data = [&[tag], &length.to_be_bytes()[..], value].concat();
        self.run(command::SET_OPTION, &data, None).map(drop)
    }

    /// Lets the device blink for ten seconds.
    pub fn blink(&mut self) -> Result<(), Error> {
        self.run(command::BLINK_DEVICE, &[10], None).map(drop)
    }
}

/// What `put` and `generate` begin with. Labels are cut at their limit; callers check it before.
fn fields(planned: &Planned, label: &str) -> Vec<u8> {
    let mut data = planned.id.to_be_bytes().to_vec();
    let label = label.as_bytes();
    data.extend((0..LABEL).map(|at| label.get(at).copied().unwrap_or(0)));
    data.extend(planned.domains.to_be_bytes());
    data.extend(planned.capabilities.to_be_bytes());
    data.push(planned.algorithm);
    if matches!(planned.kind, object::AUTHENTICATION_KEY | object::WRAP_KEY) {
        data.extend(planned.delegated.to_be_bytes());
    }
    data
}
