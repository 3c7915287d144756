//! Where a device is, and the transport to it.

use std::fmt;

use crate::backends::yubihsm::protocol::identity::Serial;

use super::exchange::Transport;
use super::http::Http;
use super::usb::Usb;

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
            Self::Usb(serial) => Box::new(Usb::new(*serial)),
            Self::Http(address) => Box::new(Http::new(address)),
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
