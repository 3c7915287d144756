//! From an address to an established link, within the time limits.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::address::Address;
use super::connect::{connect_again, connect_tcp, connect_unix, tuned};
use super::connection::{Cipher, Closer, Connection, Stream};
use super::error::LinkError;
use super::identity::{IdentityKey, PeerId};
use super::names::{Names, Resolve, SystemResolver};
use super::noise::Libp2pId;
use super::secret_connection::Established;
use super::shaking::Shaking;
use super::timeouts::Timeouts;

/// How long it may take to find out whether a listener is one for noise, after it said nothing to SecretConnection.
const NOISE_PROBE: Duration = Duration::from_secs(1);

/// Dials one node again and again, and remembers what it learned of its addresses.
pub struct Dialer(DialTarget);

enum DialTarget {
    Unix(std::path::PathBuf),
    Tcp {
        peer_id: Option<PeerId>,
        names: Names,
        silence: Silence,
    },
    Noise {
        peer_id: Libp2pId,
        names: Names,
    },
}

/// What is known of a listener for `tcp://` that took the connection and said nothing.
#[derive(Default)]
struct Silence {
    /// How often in a row.
    times: u32,
    /// It answered as one for noise does when it was last asked.
    is_noise: bool,
}

impl Silence {
    /// One more; whether to find out now if the listener is one for noise. A node that is only slow is not held up by
    /// connections that lead to nothing: it is asked at the second silence in a row, the fourth, the eighth, and so on.
    fn again(&mut self) -> bool {
        self.times = self.times.saturating_add(1);
        self.times > 1 && self.times.is_power_of_two()
    }
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
                silence: Silence::default(),
            },
            Address::Noise {
                peer_id,
                host,
                port,
            } => DialTarget::Noise {
                peer_id: *peer_id,
                names: Names::new(host, *port, resolver),
            },
        })
    }

    /// For one dial alone, so that all is found out at once about a listener that says nothing.
    fn once(address: &Address) -> Self {
        let mut dialer = Self::new(address);
        if let DialTarget::Tcp { silence, .. } = &mut dialer.0 {
            silence.times = 1;
        }
        dialer
    }

    /// Dials. `connected` gets a [`Closer`] before a handshake begins, so that a shutdown can end it. TCP and
    /// noise want an identity; Unix sockets do not.
    ///
    /// # Errors
    /// Why there is no link.
    pub fn dial(
        &mut self,
        identity: Option<&IdentityKey>,
        times: &Timeouts,
        mut connected: impl FnMut(Closer),
    ) -> Result<Connection, LinkError> {
        match &mut self.0 {
            DialTarget::Unix(path) => {
                let stream = Stream::Unix(connect_unix(path)?);
                connected(stream.closer().map_err(LinkError::Io)?);
                Connection::new(stream, Cipher::plain(), *times)
            }
            DialTarget::Tcp {
                peer_id,
                names,
                silence,
            } => {
                let identity = identity.ok_or(LinkError::NoIdentity)?;
                let made = connect_tcp(names, times.connect);
                // What is down may come back as something else.
                let before = std::mem::take(silence);
                let (tcp, round_trip) = made?;
                let stream = tuned(tcp)?;
                connected(stream.closer().map_err(LinkError::Io)?);
                let mut shaking = Shaking::begin(&stream, times.handshake);
                let established = shaking.secret_connection(identity);
                // A SecretConnection's listener speaks first, as we do; one for noise waits.
                if established.is_err() && shaking.was_silent() {
                    *silence = before;
                    if silence.again() {
                        silence.is_noise = is_for_noise(&stream, times, &mut connected);
                    }
                }
                let established = match established {
                    Err(_) if silence.is_noise => return Err(LinkError::NoiseListener),
                    other => other?,
                };
                let mut connection = secure(stream, established, *peer_id, times)?;
                connection.round_trip = Some(round_trip);
                Ok(connection)
            }
            DialTarget::Noise { peer_id, names } => {
                let identity = identity.ok_or(LinkError::NoIdentity)?;
                let ours = Libp2pId::of(identity);
                if ours == *peer_id {
                    return Err(LinkError::OwnId(ours));
                }
                let (tcp, round_trip) = connect_tcp(names, times.connect)?;
                let stream = tuned(tcp)?;
                connected(stream.closer().map_err(LinkError::Io)?);
                let keys =
                    Shaking::begin(&stream, times.handshake).noise_dialled(identity, *peer_id)?;
                let mut connection = Connection::new(stream, Cipher::noise(keys), *times)?;
                connection.round_trip = Some(round_trip);
                connection.awaits_admission(ours);
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
    connected: impl FnMut(Closer),
) -> Result<Connection, LinkError> {
    Dialer::once(address).dial(identity, times, connected)
}

/// The listener's side of a TCP link, for anybody: the harness's and the tests'.
///
/// # Errors
/// Why there is no link.
pub fn accept_tcp(
    stream: TcpStream,
    identity: &IdentityKey,
    times: &Timeouts,
) -> Result<Connection, LinkError> {
    accept_allowed(stream, identity, |_| true, times, |_| ()).map(|(connection, _)| connection)
}

/// The listener's side of a TCP link, for those alone who are `allowed`: as soon as anybody else has proved who it is, the link
/// ends. `connected` gets a [`Closer`] before the handshake begins, so that a shutdown can end it.
///
/// # Errors
/// Why there is no link.
pub fn accept_allowed(
    stream: TcpStream,
    identity: &IdentityKey,
    allowed: impl Fn(&PeerId) -> bool,
    times: &Timeouts,
    connected: impl FnOnce(Closer),
) -> Result<(Connection, PeerId), LinkError> {
    let stream = tuned(stream)?;
    connected(stream.closer().map_err(LinkError::Io)?);
    let established = Shaking::begin(&stream, times.handshake).secret_connection(identity)?;
    let peer = PeerId::of(&established.peer);
    match allowed(&peer) {
        true => Ok((secure(stream, established, None, times)?, peer)),
        false => Err(LinkError::UnknownPeer(peer)),
    }
}

/// The listener's side of a noise link. `allowed` is the signer that the listener's address names; with none, any.
pub fn accept_noise(
    stream: TcpStream,
    identity: &IdentityKey,
    allowed: Option<Libp2pId>,
    times: &Timeouts,
) -> Result<Connection, LinkError> {
    let stream = tuned(stream)?;
    let keys = Shaking::begin(&stream, times.handshake).noise_accepted(identity, allowed)?;
    Connection::new(stream, Cipher::noise(keys), *times)
}

/// The listener's side of a Unix link.
pub fn accept_unix(stream: UnixStream, times: &Timeouts) -> Result<Connection, LinkError> {
    Connection::new(Stream::Unix(stream), Cipher::plain(), *times)
}

fn secure(
    stream: Stream,
    established: Established,
    expected: Option<PeerId>,
    times: &Timeouts,
) -> Result<Connection, LinkError> {
    let Established {
        sealer,
        opener,
        peer,
    } = established;
    let found = PeerId::of(&peer);
    match expected {
        Some(expected) if expected != found => Err(LinkError::WrongPeer { expected, found }),
        _ => Connection::new(stream, Cipher::secret(sealer, opener, found), *times),
    }
}

/// Whether the listener at the other end answers a new connection as one for noise does. It learns nothing of us and is free
/// again at once.
fn is_for_noise(silent: &Stream, times: &Timeouts, connected: &mut impl FnMut(Closer)) -> bool {
    let (limit, began) = (NOISE_PROBE.min(times.handshake), Instant::now());
    let Some(stream) = connect_again(silent, limit) else {
        return false;
    };
    let Ok(closer) = stream.closer() else {
        return false;
    };
    connected(closer);
    let left = limit.saturating_sub(began.elapsed());
    Shaking::begin(&stream, left).noise_met().is_ok()
}
