//! From an address to an established link, within the time limits.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::address::Address;
use super::connect::{connect_again, connect_tcp, connect_unix, tuned};
use super::connection::{Cipher, Closer, Connection, Stream};
use super::error::LinkError;
use super::identity::{IdentityKey, PeerId};
use super::in_line::InLine;
use super::names::{Names, Resolve, SystemResolver};
use super::noise::{Libp2pId, NoiseDialled};
use super::secret_connection::{Established, Handshake};
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
        in_line: Option<InLine<Handshake>>,
    },
    Noise {
        peer_id: Libp2pId,
        names: Names,
        in_line: Option<InLine<NoiseDialled>>,
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
                in_line: None,
            },
            Address::Noise {
                peer_id,
                host,
                port,
            } => DialTarget::Noise {
                peer_id: *peer_id,
                names: Names::new(host, *port, resolver),
                in_line: None,
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

    /// Whether it has a place in the listener's line, which the next [`Dialer::dial`] goes on with. That should follow at once: a
    /// listener that turns to us waits for our answer, and for nobody else.
    pub fn is_in_line(&self) -> bool {
        match &self.0 {
            DialTarget::Unix(_) => false,
            DialTarget::Tcp { in_line, .. } => in_line.is_some(),
            DialTarget::Noise { in_line, .. } => in_line.is_some(),
        }
    }

    /// Gives its place up.
    pub fn leave_line(&mut self) {
        match &mut self.0 {
            DialTarget::Unix(_) => {}
            DialTarget::Tcp { in_line, .. } => *in_line = None,
            DialTarget::Noise { in_line, .. } => *in_line = None,
        }
    }

    /// Dials, or goes on waiting in the listener's line. `connected` gets a [`Closer`] before a handshake begins, so that a
    /// shutdown can end it. TCP and noise want an identity; Unix sockets do not.
    ///
    /// # Errors
    /// Why there is no link. [`LinkError::InLine`] where the listener has not answered, and the place in its line is kept.
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
                in_line,
            } => {
                let identity = identity.ok_or(LinkError::NoIdentity)?;
                let begun = begin(in_line, names, times, &mut connected, |shaking| {
                    shaking.hello()
                });
                // What is down may come back as something else.
                let before = std::mem::take(silence);
                let begun = begun?;
                let is_answered = match answered(&begun, times) {
                    Err(error @ LinkError::InLine(_)) => {
                        // It is no listener that was asked whether it is one for noise.
                        silence.times = before.times;
                        *in_line = Some(begun);
                        return Err(error);
                    }
                    other => other,
                };
                let InLine {
                    stream,
                    to,
                    round_trip,
                    handshake,
                    ..
                } = begun;
                let mut shaking = Shaking::begin(&stream, times.handshake);
                let established =
                    is_answered.and_then(|()| shaking.secret_connection(handshake, identity));
                // A SecretConnection's listener speaks first, as we do; one for noise waits.
                if established.is_err() && shaking.was_silent() {
                    *silence = before;
                    // First of all it is hung up on: nobody would answer there meanwhile.
                    stream.shutdown(Shutdown::Both);
                    if silence.again() {
                        silence.is_noise = is_for_noise(to, times, &mut connected);
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
            DialTarget::Noise {
                peer_id,
                names,
                in_line,
            } => {
                let identity = identity.ok_or(LinkError::NoIdentity)?;
                let ours = Libp2pId::of(identity);
                if ours == *peer_id {
                    return Err(LinkError::OwnId(ours));
                }
                let begun = begin(in_line, names, times, &mut connected, |shaking| {
                    shaking.noise_hello()
                })?;
                match answered(&begun, times) {
                    Err(error @ LinkError::InLine(_)) => {
                        *in_line = Some(begun);
                        return Err(error);
                    }
                    other => other?,
                }
                let InLine {
                    stream,
                    round_trip,
                    handshake,
                    ..
                } = begun;
                let keys = Shaking::begin(&stream, times.handshake)
                    .noise_dialled(handshake, identity, *peer_id)?;
                let mut connection = Connection::new(stream, Cipher::noise(keys), *times)?;
                connection.round_trip = Some(round_trip);
                connection.awaits_admission(ours);
                Ok(connection)
            }
        }
    }
}

/// The place in the listener's line that was kept, unless it is too old, or the name is another host's by now; otherwise a new one.
fn begin<H>(
    kept: &mut Option<InLine<H>>,
    names: &mut Names,
    times: &Timeouts,
    connected: &mut impl FnMut(Closer),
    hello: impl FnOnce(&mut Shaking<'_>) -> Result<H, LinkError>,
) -> Result<InLine<H>, LinkError> {
    let kept = kept.take();
    let kept = kept.filter(|kept| kept.age() < times.standby && names.still_has(kept.to));
    let begun = match kept {
        Some(kept) => kept,
        None => InLine::begin(connect_tcp(names, times.connect)?, times.handshake, hello)?,
    };
    connected(begun.stream.closer().map_err(LinkError::Io)?);
    Ok(begun)
}

/// Waits for the listener to answer what was begun.
fn answered<H>(begun: &InLine<H>, times: &Timeouts) -> Result<(), LinkError> {
    match begun.is_answered(times.handshake) {
        Ok(true) => Ok(()),
        Ok(false) if times.standby.is_zero() => Err(LinkError::HandshakeTimeout(times.handshake)),
        Ok(false) => Err(LinkError::InLine(begun.age())),
        Err(LinkError::Closed) => Err(LinkError::HandshakeClosed),
        Err(error) => Err(error),
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
    // Who is gone in a moment waits in no line.
    Dialer::once(address).dial(identity, &times.without_standby(), connected)
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
    let mut shaking = Shaking::begin(&stream, times.handshake);
    let handshake = shaking.hello()?;
    let established = shaking.secret_connection(handshake, identity)?;
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

/// Whether the listener there answers a new connection as one for noise does. It learns nothing of us and is free again at once.
fn is_for_noise(
    to: Option<SocketAddr>,
    times: &Timeouts,
    connected: &mut impl FnMut(Closer),
) -> bool {
    let (limit, began) = (NOISE_PROBE.min(times.handshake), Instant::now());
    let Some(stream) = to.and_then(|to| connect_again(to, limit)) else {
        return false;
    };
    let Ok(closer) = stream.closer() else {
        return false;
    };
    connected(closer);
    let left = limit.saturating_sub(began.elapsed());
    let mut shaking = Shaking::begin(&stream, left);
    let met = shaking
        .noise_hello()
        .and_then(|handshake| shaking.noise_met(handshake));
    met.is_ok()
}
