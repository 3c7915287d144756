//! A device that holds keys: how it is, and what can be done for it while the service runs.

use std::time::Duration;

use crate::consensus::PublicKey;

/// A device of a configured key, whether or not the key was opened.
pub trait Device: Send + Sync {
    /// How it is now. Must not wait for the device.
    fn status(&self) -> DeviceSample;

    /// Whether [`Device::repair`] may help: a thread hangs in the device, or the device refuses the login. Must not wait.
    fn needs_repair(&self) -> bool;

    /// Abandons a thread that hangs in the device and reopens the device with another, or logs in with what was
    /// corrected meanwhile. May wait.
    fn repair(&self);

    /// When the backup of this key was last proven, where the backend remembers that. May wait for a file.
    fn backup(&self, key: &PublicKey) -> Option<Backup>;
}

/// When the backup of a key was last proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backup {
    /// No proof is known.
    NeverProven,
    /// So long after 1970.
    Proven(Duration),
}

/// A device, seen without asking it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceSample {
    /// The device, as messages name it.
    pub name: String,
    /// Its serial number, where that is configured or was read.
    pub serial: Option<String>,
    /// Whether its last exchange worked. A key whose [`Signer::unavailable_reason`](crate::signer::Signer::unavailable_reason) says otherwise is down all the same.
    pub up: bool,
    /// Why it is not up, where that is known.
    pub trouble: Option<String>,
    /// What it did, where that is counted.
    pub counts: Option<DeviceCounts>,
    /// How full its log is, where it has one.
    pub log: Option<LogFill>,
}

/// How full the log of a device is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFill {
    /// Entries in it.
    pub used: u64,
    /// Entries that it can hold.
    pub size: u64,
}

/// What a device did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceCounts {
    /// Requests that it has not answered yet.
    pub waiting: u64,
    /// Exchanges that failed.
    pub failures: u64,
    /// How often it was lost.
    pub losses: u64,
    /// Sessions that were opened.
    pub sessions: u64,
    /// How often a thread that hung in it was abandoned, and another reopened it.
    pub reopened: u64,
}

/// A device in words, with the serial number that it told, unless the words have it.
pub fn with_serial(words: &str, serial: Option<impl ToString>) -> String {
    match serial.map(|serial| serial.to_string()) {
        Some(serial) if !words.contains(&serial) => format!("{words} (serial {serial})"),
        _ => words.to_owned(),
    }
}

/// Why no device of a key answers, unless one does or there is none.
pub fn all_down(devices: &[DeviceSample]) -> Option<String> {
    if devices.is_empty() || devices.iter().any(|device| device.up) {
        return None;
    }
    let why = devices.iter().map(|device| {
        let name = with_serial(&device.name, device.serial.as_ref());
        let why = device.trouble.as_deref().unwrap_or("not in use yet");
        format!("{name}: {why}")
    });
    Some(why.collect::<Vec<_>>().join("; "))
}
