//! One established link: whole frames in, whole frames out, each with its time limit.
//!
//! On the signing path a request is one read and a reply is one write; time-outs of the socket are set again only
//! when they change.

mod cipher;
mod receiving;
mod sending;
mod stream;

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use super::error::LinkError;
use super::noise::Libp2pId;
use super::timeouts::Timeouts;

pub(super) use cipher::Cipher;
pub use cipher::Peer;
pub use receiving::{Frame, Receiving};
pub use sending::Sending;
pub use stream::Closer;
pub(super) use stream::{Stream, is_timeout};

/// An established link to a node, to another member of a shared key, or, in the harness, to a signer.
pub struct Connection {
    stream: Arc<Stream>,
    receiving: Receiving,
    sending: Sending,
    peer: Option<Peer>,
    /// What the TCP connect took.
    pub(super) round_trip: Option<Duration>,
}

impl Connection {
    pub(super) fn new(stream: Stream, cipher: Cipher, times: Timeouts) -> Result<Self, LinkError> {
        let stream = Arc::new(stream);
        Ok(Self {
            receiving: Receiving::new(stream.clone(), cipher.opening, times),
            sending: Sending::new(stream.clone(), cipher.sealing, times)?,
            peer: cipher.peer,
            round_trip: None,
            stream,
        })
    }

    /// Both halves, for two threads: what one does never waits for the other.
    pub fn split(self) -> (Receiving, Sending) {
        (self.receiving, self.sending)
    }

    /// One round trip to the node: what the TCP connect took. `None` on Unix sockets and on the listener's side.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Who is at the other end, on links that can tell.
    pub fn peer(&self) -> Option<Peer> {
        self.peer
    }

    /// We are `ours` to a node that has not looked at its list yet.
    pub(super) fn awaits_admission(&mut self, ours: Libp2pId) {
        self.receiving.awaits_admission(ours);
    }

    /// How many frames came so far.
    pub fn frames(&self) -> u64 {
        self.receiving.frames()
    }

    /// A handle that ends the link from another thread.
    pub fn closer(&self) -> io::Result<Closer> {
        self.stream.closer()
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// As [`Receiving::receive`].
    pub fn receive(&mut self) -> Result<Frame<'_>, LinkError> {
        self.receiving.receive()
    }

    /// Sends bytes that are whole frames with their lengths.
    ///
    /// # Errors
    /// As [`Sending::send`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        self.sending.send(bytes)
    }

    /// Seals what is to be sent next, so that nothing is left to do but to send it: [`Connection::send_prepared`].
    ///
    /// # Errors
    /// The link has no counters left.
    pub fn prepare(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        self.sending.prepare(bytes)
    }

    /// Sends what was prepared.
    ///
    /// # Errors
    /// As [`Sending::send`].
    pub fn send_prepared(&mut self) -> Result<(), LinkError> {
        self.sending.send_prepared()
    }

    /// Ends the link in both directions.
    pub fn close(&mut self) {
        self.stream.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::thread::spawn;

    use super::*;
    use crate::link::{IdentityKey, Timeouts, accept_allowed, accept_tcp};

    const MANY: u32 = 300;

    /// Sends frames of some kilobytes while the other half receives as many of them; what was received, in order.
    fn both_ways(connection: Connection) -> Vec<u32> {
        let (mut receiving, mut sending) = connection.split();
        let sender = spawn(move || {
            for number in 0..MANY {
                let payload = number.to_be_bytes().repeat(2500);
                let mut frame = Vec::new();
                prost::encode_length_delimiter(payload.len(), &mut frame).unwrap();
                frame.extend(payload);
                sending.send(&frame).unwrap();
            }
            sending
        });
        let received = (0..MANY).map(|_| {
            let frame = receiving.receive().unwrap().bytes;
            u32::from_be_bytes(frame[..4].try_into().unwrap())
        });
        let received = received.collect();
        sender.join().unwrap();
        received
    }

    /// Each direction has counters of its own, and neither waits for the other.
    #[test]
    fn two_threads_use_both_directions_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let times = Timeouts::default();
        let other = spawn(move || {
            let stream = TcpStream::connect(address).unwrap();
            both_ways(accept_tcp(stream, &IdentityKey::from_seed(&[1; 32]), &times).unwrap())
        });
        let stream = listener.accept().unwrap().0;
        let key = IdentityKey::from_seed(&[2; 32]);
        let allowed = IdentityKey::from_seed(&[1; 32]).peer_id();
        let mut closer = None;
        let accepted = accept_allowed(
            stream,
            &key,
            |peer| *peer == allowed,
            &times,
            |it| closer = Some(it),
        );
        let (connection, peer) = accepted.unwrap();
        assert_eq!(peer, allowed);
        assert!(closer.is_some());
        let in_order: Vec<u32> = (0..MANY).collect();
        assert_eq!(both_ways(connection), in_order);
        assert_eq!(other.join().unwrap(), in_order);
    }

    #[test]
    fn whoever_is_not_allowed_is_turned_away_when_it_has_proved_who_it_is() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let times = Timeouts::default();
        let other = spawn(move || {
            let stream = TcpStream::connect(address).unwrap();
            let key = IdentityKey::from_seed(&[1; 32]);
            let mut connection = accept_tcp(stream, &key, &times)?;
            connection.receive().map(drop)
        });
        let stream = listener.accept().unwrap().0;
        let key = IdentityKey::from_seed(&[2; 32]);
        let stranger = IdentityKey::from_seed(&[1; 32]).peer_id();
        let accepted = accept_allowed(stream, &key, |_| false, &times, |_| ());
        let Err(LinkError::UnknownPeer(found)) = accepted else {
            panic!("it was let in")
        };
        assert_eq!(found, stranger);
        assert!(matches!(other.join().unwrap(), Err(LinkError::Closed)));
    }
}
