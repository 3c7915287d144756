//! How long a link waits for what.

use std::time::Duration;

/// How long a link waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to be made, over all addresses of a name.
    pub connect: Duration,
    /// For the handshake in all.
    pub handshake: Duration,
    /// For any byte between two frames. Nodes ping about every 3.3 s.
    pub silence: Duration,
    /// For a listener that serves another signer meanwhile: before it answers the handshake, after `handshake`, and before its
    /// first frame, where that is longer than `silence`. The kernel notices a host that vanished all the while. Zero for not at all.
    pub standby: Duration,
    /// For a frame to be complete, from its first byte on.
    pub frame: Duration,
    /// For a reply to be taken.
    pub write: Duration,
}

impl Timeouts {
    /// For a signer that is there for more than a moment, and able to sign. Not for ever: what is in between may have forgotten the
    /// connection without a word. Nor for less: each place that is given up stays in the line until the node comes to it.
    pub const STANDBY: Duration = Duration::from_secs(900);

    /// The same, in no line and in no reserve.
    pub fn without_standby(self) -> Self {
        Self {
            standby: Duration::ZERO,
            ..self
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            // A SYN that is lost is sent again after 1 s, then 2: with a longer limit a node that comes up meanwhile
            // would wait for longer than the 3 s that it has at its start.
            connect: Duration::from_secs(2),
            handshake: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            standby: Duration::ZERO,
            frame: Duration::from_secs(5),
            write: Duration::from_secs(5),
        }
    }
}
