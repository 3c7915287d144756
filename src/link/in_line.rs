//! A place in the line of a listener that takes one signer at a time: the connection is made, our first message is sent, and
//! nobody has answered.
//!
//! It is kept while the listener serves another signer. Whoever gives it up and dials again is not there in between, when the node
//! may look for its next signer, and leaves a dead connection in the line that the node has to try first
//! (`privval/signer_listener_endpoint.go`).

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::connect::tuned;
use super::connection::Stream;
use super::error::LinkError;
use super::shaking::Shaking;

/// A connection that the other side has not answered yet, with a handshake that is begun.
pub(super) struct InLine<H> {
    pub stream: Stream,
    /// Where it leads, which a stream that has ended may not say.
    pub to: Option<SocketAddr>,
    /// What the connect took.
    pub round_trip: Duration,
    pub handshake: H,
    since: Instant,
}

impl<H> InLine<H> {
    /// Sends the first message over a new connection.
    pub fn begin(
        (stream, round_trip): (TcpStream, Duration),
        limit: Duration,
        begin: impl FnOnce(&mut Shaking<'_>) -> Result<H, LinkError>,
    ) -> Result<Self, LinkError> {
        let to = stream.peer_addr().ok();
        let stream = tuned(stream)?;
        let handshake = begin(&mut Shaking::begin(&stream, limit))?;
        Ok(Self {
            stream,
            to,
            round_trip,
            handshake,
            since: Instant::now(),
        })
    }

    /// How long it has been there.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Whether the other side answers within `limit`.
    pub fn is_answered(&self, limit: Duration) -> Result<bool, LinkError> {
        self.stream.has_come(limit)
    }
}
