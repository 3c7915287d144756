//! Which of the devices that are plugged in is the configured one: the one with its key. A USB Ledger has no serial
//! number, and its path changes with every plug.

use crate::consensus::PublicKey;

use super::app::{App, Identity};
use super::error::{DeviceFault, FindError};
use super::transport::{Connector, PluggedDevice};

/// What to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The key; without one there must be one device only.
    pub public_key: Option<PublicKey>,
    /// Where to look first.
    pub path: Option<String>,
}

/// The device.
pub struct FoundLedger {
    /// Open.
    pub app: App,
    /// Where it is.
    pub info: PluggedDevice,
    /// Who it is.
    pub identity: Identity,
}

/// One device with what it says of itself.
pub type Surveyed = (PluggedDevice, Result<Identity, DeviceFault>);

/// Opens each device for a moment and says what is on it.
pub fn survey(connector: &dyn Connector) -> Result<Vec<Surveyed>, FindError> {
    let devices = connector.list().map_err(FindError::List)?;
    Ok(devices
        .into_iter()
        .map(|info| {
            let identity = open(connector, &info).map(|found| found.identity);
            (info, identity)
        })
        .collect())
}

/// Finds the device and leaves it open.
pub fn find(connector: &dyn Connector, wanted: &Wanted) -> Result<FoundLedger, FindError> {
    let devices = connector.list().map_err(FindError::List)?;
    let at_path = |info: &&PluggedDevice| wanted.path.as_deref() == Some(info.path.as_str());
    let hinted = devices.iter().find(at_path);
    let at = |info: &PluggedDevice, reason| FindError::Device {
        path: info.path.clone(),
        reason,
    };
    let Some(key) = wanted.public_key.clone() else {
        return match (hinted, devices.as_slice()) {
            (Some(info), _) | (None, [info]) => {
                open(connector, info).map_err(|reason| at(info, reason))
            }
            (None, []) => Err(FindError::Nothing),
            (None, several) => Err(FindError::Several {
                paths: paths(several),
                list: connector.command("list"),
            }),
        };
    };
    // Devices of other sections are not touched where the hint is right.
    if let Some(info) = hinted
        && let Ok(found) = open_with(connector, info, key.clone())
    {
        return Ok(found);
    }
    let (mut matching, mut reasons) = (Vec::new(), Vec::new());
    for info in &devices {
        match open_with(connector, info, key.clone()) {
            Ok(found) => matching.push(found),
            Err(reason) => reasons.push((info.clone(), reason)),
        }
    }
    if matching.len() > 1 {
        let places: Vec<PluggedDevice> = matching.into_iter().map(|found| found.info).collect();
        return Err(FindError::SameKey(paths(&places)));
    }
    if let Some(found) = matching.pop() {
        return Ok(found);
    }
    match reasons.as_slice() {
        [] => Err(FindError::Nothing),
        [(info, reason)] => Err(at(info, reason.clone())),
        several => Err(FindError::NoMatch {
            wanted: key,
            reasons: several
                .iter()
                .map(|(info, reason)| (info.path.clone(), reason.clone()))
                .collect(),
        }),
    }
}

fn open_with(
    connector: &dyn Connector,
    info: &PluggedDevice,
    wanted: PublicKey,
) -> Result<FoundLedger, DeviceFault> {
    let found = open(connector, info)?;
    match found.identity.public_key {
        ref key if *key == wanted => Ok(found),
        found => Err(DeviceFault::KeyDiffers { found, wanted }),
    }
}

fn open(connector: &dyn Connector, info: &PluggedDevice) -> Result<FoundLedger, DeviceFault> {
    let mut app = App::new(connector.open(info)?);
    let identity = app.identify()?;
    Ok(FoundLedger {
        app,
        info: info.clone(),
        identity,
    })
}

fn paths(devices: &[PluggedDevice]) -> Vec<String> {
    devices.iter().map(|info| info.path.clone()).collect()
}
