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

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            // A SYN that is lost is sent again after 1 s, then 2: with a longer limit a node that comes up meanwhile
            // would wait for longer than the 3 s that it has at its start.
            connect: Duration::from_secs(2),
            handshake: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            // Not for ever: what is in between may have forgotten the connection without a word.
            standby: Duration::from_secs(3600),
            frame: Duration::from_secs(5),
            write: Duration::from_secs(5),
        }
    }
}
