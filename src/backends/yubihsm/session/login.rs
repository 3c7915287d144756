//! Which device it is, who this session belongs to, and whether that login belongs into service.

use std::time::Instant;

use crate::backends::yubihsm::protocol::codes::{command, object};
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::info::{DeviceInfo, ObjectInfo};
use crate::backends::yubihsm::protocol::rights::LoginRisk;

use super::client::DeviceClient;

/// What the device says of itself, without anybody logging in. One that is away for a moment is waited for.
pub fn introduce(client: &mut DeviceClient, until: Instant) -> Result<DeviceInfo, Error> {
    client.patiently(until, |client, until| {
        client.look(until)?;
        let info = client.info().cloned();
        info.ok_or_else(|| ErrorKind::Garbage("no device info".to_owned()))
    })
}

/// Asks the device about the authentication key that is logged in, which every login may.
///
/// # Errors
/// When the device is lost meanwhile. One that does not tell is judged by the password alone.
pub fn login_risk(client: &mut DeviceClient, until: Instant) -> Result<Option<LoginRisk>, Error> {
    let id = client.credentials.id;
    let about = [&id.to_be_bytes()[..], &[object::AUTHENTICATION_KEY]].concat();
    let info = match client.command(command::GET_OBJECT_INFO, &about, None, until) {
        Ok(answer) => ObjectInfo::read(&answer).ok(),
        Err(error) if error.kind.is_absence() => return Err(error),
        Err(_) => None,
    };
    Ok(LoginRisk::of(&client.credentials, info.as_ref()))
}
