//! The status of one device.

use serde::{Deserialize, Serialize};

use crate::backends::{DeviceSample, with_serial};
use crate::text::count::count;

/// One device.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// The device, as messages name it.
    pub name: String,
    /// Its serial number, where that is configured or was read.
    #[serde(default)]
    pub serial: Option<String>,
    /// Whether its last exchange worked.
    pub up: bool,
    /// Why it is not up.
    pub trouble: Option<String>,
    /// Requests that it has not answered yet.
    pub waiting: u64,
    /// Exchanges that failed.
    pub failures: u64,
    /// How often it was lost.
    pub losses: u64,
    /// Entries in its log, and how many it can hold.
    pub log: Option<(u64, u64)>,
}

impl From<DeviceSample> for DeviceStatus {
    fn from(device: DeviceSample) -> Self {
        let counts = device.counts.unwrap_or_default();
        Self {
            name: device.name,
            serial: device.serial,
            up: device.up,
            trouble: device.trouble,
            waiting: counts.waiting,
            failures: counts.failures,
            losses: counts.losses,
            log: device.log.map(|log| (log.used, log.size)),
        }
    }
}

impl DeviceStatus {
    /// The device by its name and serial number.
    pub fn title(&self) -> String {
        with_serial(&self.name, self.serial.as_ref())
    }

    /// The device in one line, for people.
    pub fn line(&self) -> String {
        let mut text = match (self.up, &self.trouble) {
            (true, _) => "up".to_owned(),
            (false, Some(why)) => format!("down: {why}"),
            (false, None) => "down".to_owned(),
        };
        if self.failures > 0 {
            text.push_str(&format!(
                ", {}, lost {}",
                count(self.failures, "failure"),
                count(self.losses, "time")
            ));
        }
        if let Some((used, size)) = self.log {
            text.push_str(&format!(", {used} of {size} places of its log in use"));
        }
        text
    }
}
