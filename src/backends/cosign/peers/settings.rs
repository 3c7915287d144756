//! What the links between members are made from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::consensus::PublicKey;
use crate::link::{IdentityKey, PeerId, Timeouts};
use crate::shares::Quorum;

/// The members of one key, and who of them this process is.
#[derive(Clone, Debug)]
pub struct PeersSettings {
    /// The id of this member.
    pub own: u16,
    /// Who this member is to the others.
    pub identity: Arc<IdentityKey>,
    /// Where members with higher ids dial this one: `HOST:PORT`. Not listened to by the member with the highest id.
    pub listen: String,
    /// Each member; this one may be among them.
    pub members: Vec<PeerPlace>,
    /// The key of the whole, of Ed25519.
    pub public_key: PublicKey,
    /// How many of how many sign.
    pub quorum: Quorum,
    /// How long is waited for what.
    pub times: PeerTimes,
}

/// Where a member is, and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerPlace {
    /// Its id, from 1.
    pub id: u16,
    /// The id of its identity.
    pub peer_id: PeerId,
    /// Its name or address.
    pub host: String,
    /// The port of its `listen`.
    pub port: u16,
    /// The public half of its share.
    pub public_share: [u8; 32],
}

impl fmt::Display for PeerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// How long is waited for what. Others than the default are for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerTimes {
    /// For a connection.
    pub connect: Duration,
    /// For the handshake.
    pub handshake: Duration,
    /// Between two pings.
    pub ping: Duration,
    /// For anything at all from a member, which is pinged.
    pub silence: Duration,
    /// For what is sent to be taken.
    pub write: Duration,
    /// Between two showings of fresh nonces.
    pub show: Duration,
    /// For the old link of a member to answer a ping when the member comes with a new one.
    pub examine: Duration,
    /// For a member to come again and again while its link answers, until that means that it runs twice.
    pub certain: Duration,
    /// Before the port is tried again.
    pub listen_again: Duration,
}

impl Default for PeerTimes {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            handshake: Duration::from_secs(3),
            ping: Duration::from_secs(1),
            silence: Duration::from_secs(3),
            write: Duration::from_secs(1),
            show: Duration::from_secs(4),
            examine: Duration::from_secs(1),
            certain: Duration::from_secs(5),
            listen_again: Duration::from_secs(3),
        }
    }
}

impl PeerTimes {
    /// Those of a link.
    pub(super) fn of_links(&self) -> Timeouts {
        Timeouts {
            connect: self.connect,
            handshake: self.handshake,
            silence: self.silence,
            // Members take all others at once.
            standby: Duration::ZERO,
            frame: self.silence,
            write: self.write,
        }
    }
}
