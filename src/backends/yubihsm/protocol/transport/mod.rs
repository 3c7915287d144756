//! The way to a device: one frame there, one frame back. Over USB and over HTTP the frames are the same bytes.

pub mod http;
pub mod list;
pub mod usb;

use std::fmt;
use std::time::{Duration, Instant};

use super::error::ErrorKind;
use super::identity::Serial;

/// Carries frames.
pub trait Transport: Send {
    /// Sends a frame and waits for its reply until `until` at the latest.
    fn exchange(&mut self, frame: &[u8], until: Instant) -> Result<Vec<u8>, ErrorKind>;

    /// Drops the connection: what may still come on it belongs to nobody. The next exchange makes a new one.
    fn forget(&mut self);
}

/// Where a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceAddress {
    /// On this host's USB; without a serial number the only one there.
    Usb(Option<Serial>),
    /// Behind a connector: host and port.
    Http(String),
}

impl DeviceAddress {
    /// A transport to it. Nothing is opened yet.
    pub fn transport(&self) -> Box<dyn Transport> {
        match self {
            Self::Usb(serial) => Box::new(usb::Usb::new(*serial)),
            Self::Http(address) => Box::new(http::Http::new(address)),
        }
    }
}

impl fmt::Display for DeviceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usb(Some(serial)) => write!(f, "YubiHSM {serial} (USB)"),
            Self::Usb(None) => f.write_str("YubiHSM (USB)"),
            Self::Http(address) => write!(f, "YubiHSM at {address}"),
        }
    }
}

/// The time left, unless there is none.
fn left(until: Instant) -> Result<Duration, ErrorKind> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(ErrorKind::Late),
        false => Ok(left),
    }
}
