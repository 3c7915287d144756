//! Finding, opening and asking a device, whatever it is connected by.

use std::time::Duration;

use crate::remedy::CommandLine;

/// A device that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluggedDevice {
    /// Where: `/dev/hidraw0`, or the emulator's address.
    pub path: String,
    /// The model's name.
    pub model: String,
}

/// An open device.
pub trait ApduTransport: Send {
    /// Sends one command, at most once per answer.
    fn send(&mut self, command: &[u8]) -> Result<(), TransportError>;

    /// Waits for an answer; `None` when there is none within `patience`, and it may be waited for again.
    fn receive(&mut self, patience: Duration) -> Result<Option<Vec<u8>>, TransportError>;
}

/// Finds and opens devices.
pub trait Connector: Send + Sync {
    /// The devices that are plugged in.
    fn list(&self) -> Result<Vec<PluggedDevice>, TransportError>;

    /// Opens one exclusively: while it is open no other tmkms can open it.
    fn open(&self, device: &PluggedDevice) -> Result<Box<dyn ApduTransport>, TransportError>;

    /// What `--transport` is for these devices, where it is not the default.
    fn transport(&self) -> Option<String> {
        None
    }

    /// `tmkms ledger WORD` for these devices, as messages print it.
    fn command(&self, word: &str) -> CommandLine {
        let transport = self.transport();
        let mut words = vec!["ledger", word];
        words.extend(transport.iter().flat_map(|place| ["--transport", place]));
        CommandLine::without_config(words)
    }
}

/// What is between us and the device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Another process has it.
    #[error("another tmkms uses it")]
    Busy,
    /// This user may not open it.
    #[error("this user may not open it ({0}); install udev/20-ledger.rules")]
    Permission(String),
    /// It was unplugged, or its app was closed or opened.
    #[error("it is gone ({0}); plug it in and open the Tendermint app")]
    Gone(String),
    /// What came is not an answer.
    #[error("it sent {0}, which is not an answer; if that goes on, unplug it and plug it in again")]
    Garbled(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}
