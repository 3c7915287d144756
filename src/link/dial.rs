//! From an address to an established link, within the time limits.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};

use zeroize::Zeroizing;

use super::connection::{Closer, Connection, Stream, is_timeout};
use super::secret_connection::{Established, HELLO, Handshake, SEALED};
use super::{Address, IdentityKey, LinkError, PeerId, Timeouts};

/// Dials a node. A name is resolved anew each time. `connected` gets a [`Closer`] before the handshake begins, so
/// that a shutdown can end it. TCP wants an identity; Unix sockets do not.
pub fn dial(
    address: &Address,
    identity: Option<&IdentityKey>,
    times: &Timeouts,
    connected: impl FnOnce(Closer),
) -> Result<Connection, LinkError> {
    match address {
        Address::Unix(path) => {
            let stream = Stream::Unix(connect_unix(path)?);
            connected(stream.closer().map_err(LinkError::Io)?);
            Connection::new(stream, None, *times)
        }
        Address::Tcp {
            peer_id,
            host,
            port,
        } => {
            let identity = identity.ok_or(LinkError::NoIdentity)?;
            let (tcp, round_trip) = connect_tcp(host, *port, times.connect)?;
            let stream = tuned(tcp)?;
            connected(stream.closer().map_err(LinkError::Io)?);
            let mut connection = secure(stream, identity, *peer_id, times)?;
            connection.round_trip = Some(round_trip);
            Ok(connection)
        }
    }
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

/// The stream, and what the connect took that made it: one round trip.
fn connect_tcp(host: &str, port: u16, limit: Duration) -> Result<(TcpStream, Duration), LinkError> {
    let resolve = |source| LinkError::Resolve {
        host: host.to_owned(),
        source,
    };
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(resolve)?.collect();
    let began = Instant::now();
    let mut last = None;
    for (tried, address) in addresses.iter().enumerate() {
        let left = limit.saturating_sub(began.elapsed());
        // An address that swallows everything must leave time for the others.
        let others = u32::try_from(addresses.len().saturating_sub(tried)).unwrap_or(u32::MAX);
        let share = left / others.max(1);
        if share.is_zero() {
            break;
        }
        let asked = Instant::now();
        match TcpStream::connect_timeout(address, share) {
            // A connect to a free port of this host's ephemeral range can meet itself.
            Ok(stream) if is_to_itself(&stream) => {
                last = Some(io::ErrorKind::ConnectionRefused.into());
            }
            Ok(stream) => return Ok((stream, asked.elapsed())),
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) if !is_timeout(&error) => LinkError::Connect(error),
        Some(_) => LinkError::ConnectTimeout(limit),
        None => resolve(io::Error::other("the name has no address")),
    })
}

fn is_to_itself(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(local), Ok(peer)) if local == peer)
}

/// Not blocking, because a connect to a listener that accepts nobody would wait for ever.
fn connect_unix(path: &std::path::Path) -> Result<UnixStream, LinkError> {
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)?;
        socket.set_nonblocking(false)?;
        Ok(UnixStream::from(std::os::fd::OwnedFd::from(socket)))
    };
    connect().map_err(|error: io::Error| match is_timeout(&error) {
        true => LinkError::Connect(io::Error::other(
            "the node has a full queue and accepts nobody",
        )),
        false => LinkError::Connect(error),
    })
}

fn tuned(stream: TcpStream) -> Result<Stream, LinkError> {
    let tune = || {
        stream.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(10))
            .with_interval(Duration::from_secs(5));
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)
    };
    tune().map_err(LinkError::Io)?;
    Ok(Stream::Tcp(stream))
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
