//! How commands get to a device and answers come back.
//!
//! Sending and receiving are two calls, because an answer may take as long as a person takes to press a button. Anyone who
//! gets an error closes the transport: what comes next on it belongs to nobody.

mod connector;
pub mod hid;
pub mod tcp;
pub mod usb;

pub use connector::{ApduTransport, Connector, PluggedDevice, TransportError};
