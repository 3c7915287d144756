//! What can go wrong on the way to a device and in it.

use std::time::Duration;

/// Where in a command the power is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing was done.
    Before,
    /// It was done, and nobody heard of it.
    After,
}

/// A power loss to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerLoss {
    /// Frames from now: 1 is the next one.
    pub frames: u64,
    pub moment: Moment,
}

#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub power_loss: Option<PowerLoss>,
    pub unplugged: bool,
    /// The connector's list of host names has another one.
    pub foreign_host: bool,
    /// The connector finds the device and cannot talk to it.
    pub no_exchange: bool,
    /// Every frame takes so long.
    pub slow: Duration,
    /// The next frame alone takes so long.
    pub slow_once: Duration,
    /// The next command with this code takes so long.
    pub slow_command: Option<(u8, Duration)>,
    /// Each signature has a flipped bit.
    pub wrong_signatures: bool,
    /// A reset answers well and does nothing.
    pub reset_does_nothing: bool,
    /// Replies leave in pieces of so many bytes; 0 is all at once.
    pub pieces: usize,
    /// It does not know the key and answers with this for a proof, in the hope of the host's.
    pub impostor: Option<Vec<u8>>,
    /// A wrong frame instead of the next reply.
    pub garbage_once: Option<Vec<u8>>,
}
