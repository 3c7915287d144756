//! Why a link could not be made, or ended; each with what to look at.

use std::io;
use std::time::Duration;

use crate::codec::frame;

use super::identity::PeerId;
use super::noise::{self, Libp2pId, NoiseError};
use super::secret_connection::{self, HandshakeError};

/// Why a link could not be made, or ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The name did not resolve.
    #[error(
        "the name {host} cannot be resolved ({source}); look at this host's DNS, or correct `addr` and reload tmkms"
    )]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// A link over TCP without an identity.
    #[error(
        "a tcp:// or noise:// link needs an identity key; name one as `secret_key` of this [[validator]] and reload tmkms"
    )]
    NoIdentity,
    /// No connection was made.
    #[error("cannot connect: {0}; is the node up, and is this its priv_validator_laddr?")]
    Connect(io::Error),
    /// Nobody answered the connect.
    #[error("no answer to the connect within {} s; is the node up, and does a firewall stand in between?", .0.as_secs_f32())]
    ConnectTimeout(Duration),
    /// The handshake was not done in time.
    #[error("the handshake was not done after {} s; is this address the node's priv_validator_laddr?", .0.as_secs_f32())]
    HandshakeTimeout(Duration),
    /// The listener took the connection, for so long, and has not answered yet.
    #[error(
        "the node took the connection and has said nothing for {} s: it has another signer, or this is not its \
         priv_validator_laddr; tmkms keeps its place in the node's line",
        .0.as_secs()
    )]
    InLine(Duration),
    /// The peer closed the link within the handshake.
    #[error(
        "the peer closed the link during the handshake; is this address the node's priv_validator_laddr?"
    )]
    HandshakeClosed,
    /// The handshake went wrong.
    #[error("the handshake failed: {0}; is this address the node's priv_validator_laddr?")]
    Handshake(#[from] HandshakeError),
    /// The port answers with text.
    #[error(
        "this port answers with text ({0:?}), so it is not a priv_validator_laddr but perhaps an HTTP server such as the \
         node's RPC; correct `addr` and reload tmkms"
    )]
    NotPrivval(String),
    /// The port is the one for peers.
    #[error(
        "this port is the node's port for peers (p2p.laddr), and the node greeted tmkms as one; correct `addr` to the node's \
         priv_validator_laddr and reload tmkms"
    )]
    PeerPort,
    /// The listener has another key than the one pinned.
    #[error(
        "the listener is {found}, not {expected} as `addr` says; stock nodes make a fresh key at every start: \
         unless a proxy with a stable key listens there, remove the peer id from `addr` and reload tmkms"
    )]
    WrongPeer {
        /// The id in `addr`.
        expected: PeerId,
        /// The id of the listener.
        found: PeerId,
    },
    /// Who dialled is not one of those who may.
    #[error("the other side is {0}, who may not dial this listener")]
    UnknownPeer(PeerId),
    /// The node on a noise link is not the one in `addr`.
    #[error(
        "the node is {found}, not {expected} as `addr` says; if that is this node with a new node_key.json (on it, \
         `cometbft show-node-id --libp2p` prints its id), correct `addr` and reload tmkms; if not, something else listens there"
    )]
    WrongNode {
        /// The id in `addr`.
        expected: Libp2pId,
        /// The id of the listener.
        found: Libp2pId,
    },
    /// The id in `addr` is our own.
    #[error(
        "`addr` names {0}, which is the peer id of tmkms itself; the node's priv_validator_laddr has that one, and `addr` has \
         the node's, which `cometbft show-node-id --libp2p` prints on it: correct `addr` and reload tmkms"
    )]
    OwnId(Libp2pId),
    /// The node closed a noise link as soon as it knew who we are.
    #[error(
        "the node closed the link at once: its priv_validator_laddr names another signer's peer id, and that of tmkms is {0}; \
         write it there as noise://{0}@IP:PORT and restart the node"
    )]
    NotAdmitted(Libp2pId),
    /// A handshake of Noise went wrong.
    #[error("the noise handshake failed: {0}; is this address the node's priv_validator_laddr?")]
    Noise(#[from] NoiseError),
    /// `tcp://` was dialled, and the listener is one for noise.
    #[error(
        "the node listens for a noise:// link there, and `addr` says tcp://; write `addr` as noise://PEER_ID@HOST:PORT with the \
         peer id that `cometbft show-node-id --libp2p` prints on the node, and reload tmkms"
    )]
    NoiseListener,
    /// `noise://` was dialled, and the listener is one for SecretConnection.
    #[error(
        "what listens there is for a tcp:// link, and `addr` says noise://; write tcp://HOST:PORT, or noise:// into the node's \
         priv_validator_laddr (CometBFT v0.40 or later), and reload tmkms; the node's port for peers (p2p.laddr) is such a \
         listener, too"
    )]
    SecretConnectionListener,
    /// A request began and did not end.
    #[error("the node sent a part of a request and no more for {} s", .0.as_secs_f32())]
    HalfFrame(Duration),
    /// Nothing came.
    #[error("the node was silent for {} s; nodes ping every 3.3 s, so this one or the way to it is stuck", .0.as_secs_f32())]
    Silent(Duration),
    /// The kernel gave the peer's host up.
    #[error(
        "the node's host answers nothing any more: it is down, or the way to it is; noticed within 5 s"
    )]
    Vanished,
    /// The node took no reply.
    #[error("the node did not take a reply within {} s", .0.as_secs_f32())]
    NotTaken(Duration),
    /// The node closed the link.
    #[error("the node closed the link")]
    Closed,
    /// The node closed the link within a request.
    #[error("the node closed the link in the middle of a request")]
    ClosedInFrame,
    /// The bytes are not frames.
    #[error("the link cannot be read on: {0}")]
    Frame(#[from] frame::FrameError),
    /// An encrypted frame was changed, or is not the next one.
    #[error("the encrypted link cannot go on: {0}")]
    Sealed(#[from] secret_connection::SealError),
    /// The same of a noise link.
    #[error("the noise link cannot go on: {0}")]
    NoiseFrame(#[from] noise::NoiseFrameError),
    /// The system said no.
    #[error("the link broke: {0}")]
    Io(io::Error),
}

impl LinkError {
    /// A stable word for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "resolve",
            Self::NoIdentity => "no_identity",
            Self::Connect(_) => "connect",
            Self::ConnectTimeout(_) => "connect_timeout",
            Self::HandshakeTimeout(_) => "handshake_timeout",
            Self::InLine(_) => "in_line",
            Self::HandshakeClosed => "handshake_closed",
            Self::Handshake(_) | Self::Noise(_) => "handshake",
            Self::NotPrivval(_) | Self::PeerPort => "not_privval",
            Self::WrongPeer { .. } | Self::WrongNode { .. } | Self::OwnId(_) => "wrong_peer",
            Self::UnknownPeer(_) => "unknown_peer",
            Self::NotAdmitted(_) => "not_admitted",
            Self::NoiseListener | Self::SecretConnectionListener => "wrong_scheme",
            Self::HalfFrame(_) => "half_frame",
            Self::Silent(_) => "silent",
            Self::Vanished => "vanished",
            Self::NotTaken(_) => "not_taken",
            Self::Closed => "closed",
            Self::ClosedInFrame => "closed_in_frame",
            Self::Frame(_) => "frame",
            Self::Sealed(_) | Self::NoiseFrame(_) => "sealed",
            Self::Io(_) => "io",
        }
    }
}
