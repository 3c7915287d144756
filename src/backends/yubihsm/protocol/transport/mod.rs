//! The way to a device: one frame there, one frame back. Over USB and over HTTP the frames are the same bytes.

mod address;
mod exchange;
pub mod http;
pub mod list;
pub mod usb;

pub use address::DeviceAddress;
pub use exchange::Transport;
