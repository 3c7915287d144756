//! From an address to an established link, within the time limits.

use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::address::Address;
use super::connect::{connect_tcp, connect_unix, tuned};
use super::connection::{Closer, Connection, Stream, is_timeout};
use super::error::LinkError;
use super::identity::{IdentityKey, PeerId};
use super::names::{Names, Resolve, SystemResolver};
use super::secret_connection::{Established, HELLO, Handshake, SEALED};
use super::timeouts::Timeouts;

/// Dials one node again and again, and remembers what it learned of its addresses.
pub struct Dialer(DialTarget);

enum DialTarget {
    Unix(std::path::PathBuf),
    Tcp {
        peer_id: Option<PeerId>,
        names: Names,
    },
}

impl Dialer {
    /// For the node at `address`.
    pub fn new(address: &Address) -> Self {
        Self::with(address, Arc::new(SystemResolver))
    }

    /// The same with another resolver of names.
    pub fn with(address: &Address, resolver: Arc<dyn Resolve>) -> Self {
        Self(match address {
            Address::Unix(path) => DialTarget::Unix(path.clone()),
            Address::Tcp {
                peer_id,
                host,
                port,
            } => DialTarget::Tcp {
                peer_id: *peer_id,
                names: Names::new(host, *port, resolver),
            },
        })
    }

    /// Dials. `connected` gets a [`Closer`] before the handshake begins, so that a shutdown can end it. TCP wants an
    /// identity; Unix sockets do not.
    ///
    /// # Errors
    /// Why there is no link.
    pub fn dial(
        &mut self,
        identity: Option<&IdentityKey>,
        times: &Timeouts,
        connected: impl FnOnce(Closer),
    ) -> Result<Connection, LinkError> {
        match &mut self.0 {
            DialTarget::Unix(path) => {
                let stream = Stream::Unix(connect_unix(path)?);
                connected(stream.closer().map_err(LinkError::Io)?);
                Connection::new(stream, None, *times)
            }
            DialTarget::Tcp { peer_id, names } => {
                let identity = identity.ok_or(LinkError::NoIdentity)?;
                let (tcp, round_trip) = connect_tcp(names, times.connect)?;
                let stream = tuned(tcp)?;
                connected(stream.closer().map_err(LinkError::Io)?);
                let mut connection = secure(stream, identity, *peer_id, times)?;
                connection.round_trip = Some(round_trip);
                Ok(connection)
            }
        }
    }
}

/// Dials a node once.
///
/// # Errors
/// Why there is no link.
pub fn dial(
    address: &Address,
    identity: Option<&IdentityKey>,
    times: &Timeouts,
    connected: impl FnOnce(Closer),
) -> Result<Connection, LinkError> {
    Dialer::new(address).dial(identity, times, connected)
}

/// The listener's side of a TCP link: the harness's and the tests'.
pub fn accept_tcp(
    stream: TcpStream,
    identity: &IdentityKey,
    times: &Timeouts,
) -> Result<Connection, LinkError> {
    secure(tuned(stream)?, identity, None, times)
}

/// The listener's side of a Unix link.
pub fn accept_unix(stream: UnixStream, times: &Timeouts) -> Result<Connection, LinkError> {
    Connection::new(Stream::Unix(stream), None, *times)
}

fn secure(
    stream: Stream,
    identity: &IdentityKey,
    expected: Option<PeerId>,
    times: &Timeouts,
) -> Result<Connection, LinkError> {
    let Established {
        sealer,
        opener,
        peer,
    } = Shaking {
        stream: &stream,
        began: Instant::now(),
        limit: times.handshake,
    }
    .shake(identity)?;
    let found = PeerId::of(&peer);
    match expected {
        Some(expected) if expected != found => Err(LinkError::WrongPeer { expected, found }),
        _ => Connection::new(stream, Some((sealer, opener, found)), *times),
    }
}

/// A handshake with one time limit over all of its reads and writes.
struct Shaking<'a> {
    stream: &'a Stream,
    began: Instant,
    limit: Duration,
}

impl Shaking<'_> {
    fn shake(&mut self, identity: &IdentityKey) -> Result<Established, LinkError> {
        let mut random = Zeroizing::new([0; 32]);
        getrandom::getrandom(&mut *random).map_err(|error| LinkError::Io(error.into()))?;
        let (handshake, hello) = Handshake::start(*random);
        self.write(&hello)?;
        let mut theirs = [0; HELLO];
        self.read(&mut theirs, |so_far| match Handshake::may_begin(so_far) {
            true => Ok(()),
            false => Err(not_privval(so_far)),
        })?;
        let mut proof = Vec::new();
        let handshake = handshake.hello(&theirs, identity, &mut proof)?;
        self.write(&proof)?;
        let mut frame = [0; SEALED];
        self.read(&mut frame, |_| Ok(()))?;
        Ok(handshake.auth(&mut frame)?)
    }

    fn left(&self) -> Result<Duration, LinkError> {
        let left = self.limit.saturating_sub(self.began.elapsed());
        match left.is_zero() {
            true => Err(LinkError::HandshakeTimeout(self.limit)),
            false => Ok(left),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let left = self.left()?;
        self.stream.set_write_timeout(left).map_err(LinkError::Io)?;
        match self.stream.write_all(bytes, left) {
            Err(LinkError::NotTaken(_)) => Err(LinkError::HandshakeTimeout(self.limit)),
            Err(LinkError::Closed) => Err(LinkError::HandshakeClosed),
            other => other,
        }
    }

    fn read(
        &mut self,
        into: &mut [u8],
        look: impl Fn(&[u8]) -> Result<(), LinkError>,
    ) -> Result<(), LinkError> {
        let mut have = 0;
        while have < into.len() {
            let left = self.left()?;
            self.stream.set_read_timeout(left).map_err(LinkError::Io)?;
            match self.stream.read(into.get_mut(have..).unwrap_or_default()) {
                Ok(0) => return Err(LinkError::HandshakeClosed),
                Ok(count) => have += count,
                Err(error) if is_timeout(&error) => {
                    return Err(LinkError::HandshakeTimeout(self.limit));
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(LinkError::HandshakeClosed);
                }
                Err(error) => return Err(LinkError::Io(error)),
            }
            look(into.get(..have).unwrap_or_default())?;
        }
        Ok(())
    }
}

/// What the first bytes look like, if not like a SecretConnection.
fn not_privval(bytes: &[u8]) -> LinkError {
    let printable = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if bytes.iter().all(printable) {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        LinkError::NotPrivval(text.lines().next().unwrap_or_default().to_owned())
    } else {
        LinkError::Handshake(super::secret_connection::HandshakeError::NotHello)
    }
}
