//! One established link: whole frames in, whole frames out, each with its time limit.
//!
//! On the signing path a request is one read and a reply is one write; time-outs of the socket are set again only
//! when they change.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::codec::frame::Decoder;
use crate::os::clock::{Clock, Moment, SystemClock};

use super::cipher::{Cipher, Peer};
use super::error::LinkError;
use super::noise::Libp2pId;
use super::timeouts::Timeouts;

/// A noise link that ends within this time, before the node asked for anything, is one that the node did not admit: it
/// looks at its list only when the handshake is done, and closes without a word.
const ADMISSION: Duration = Duration::from_secs(2);

/// One frame without its length.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The message.
    pub bytes: &'a [u8],
    /// When its last byte was read (W16).
    pub read_at: Moment,
}

/// A socket of either kind.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// An established link to a node, or, in the harness, to a signer.
pub struct Connection {
    stream: Stream,
    cipher: Cipher,
    decoder: Decoder,
    times: Timeouts,
    /// The read time-out that the socket has.
    waiting: Option<Duration>,
    read_at: Moment,
    partial_since: Option<Instant>,
    buffer: Box<[u8; 4096]>,
    sealed: Vec<u8>,
    frames: u64,
    /// What the TCP connect took.
    pub(super) round_trip: Option<Duration>,
    /// We, and since when we wait to be admitted; gone with the first byte.
    admission: Option<(Libp2pId, Instant)>,
}

/// Ends a link from another thread.
pub struct Closer(Stream);

impl Closer {
    /// Wakes a blocked read, which then ends; what is being answered is still sent.
    pub fn stop_reading(&self) {
        self.0.shutdown(Shutdown::Read);
    }

    /// Where the peer is, on TCP.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Stream::Tcp(stream) => stream.peer_addr().ok(),
            Stream::Unix(_) => None,
        }
    }

    /// Ends the link altogether.
    pub fn close(&self) {
        self.0.shutdown(Shutdown::Both);
    }
}

impl Stream {
    pub(super) fn closer(&self) -> io::Result<Closer> {
        Ok(Closer(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
        }))
    }

    pub(super) fn set_read_timeout(&self, time: Duration) -> io::Result<()> {
        // Zero would mean forever.
        let time = Some(time.max(Duration::from_millis(1)));
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(time),
            Self::Unix(stream) => stream.set_read_timeout(time),
        }
    }

    pub(super) fn set_write_timeout(&self, time: Duration) -> io::Result<()> {
        let time = Some(time.max(Duration::from_millis(1)));
        match self {
            Self::Tcp(stream) => stream.set_write_timeout(time),
            Self::Unix(stream) => stream.set_write_timeout(time),
        }
    }

    fn shutdown(&self, how: Shutdown) {
        // An error means that the other side has ended it already.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Self::Tcp(stream) => (&mut &*stream).read(buffer),
                Self::Unix(stream) => (&mut &*stream).read(buffer),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Writes all within `limit` over all writes.
    pub(super) fn write_all(&self, mut bytes: &[u8], limit: Duration) -> Result<(), LinkError> {
        let began = Instant::now();
        let whole = bytes.len();
        let mut slow = false;
        while !bytes.is_empty() {
            if bytes.len() < whole {
                // A peer that takes a byte now and then has no more time than others.
                let left = limit.saturating_sub(began.elapsed());
                if left.is_zero() {
                    return Err(LinkError::NotTaken(limit));
                }
                self.set_write_timeout(left).map_err(LinkError::Io)?;
                slow = true;
            }
            let result = match self {
                Self::Tcp(stream) => (&mut &*stream).write(bytes),
                Self::Unix(stream) => (&mut &*stream).write(bytes),
            };
            match result {
                Ok(0) => return Err(LinkError::Closed),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if has_run_out(&error) => return Err(LinkError::NotTaken(limit)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
        if slow {
            self.set_write_timeout(limit).map_err(LinkError::Io)?;
        }
        Ok(())
    }
}

impl Connection {
    pub(super) fn new(stream: Stream, cipher: Cipher, times: Timeouts) -> Result<Self, LinkError> {
        stream
            .set_write_timeout(times.write)
            .map_err(LinkError::Io)?;
        Ok(Self {
            stream,
            cipher,
            decoder: Decoder::default(),
            times,
            waiting: None,
            read_at: SystemClock.now(),
            partial_since: None,
            buffer: Box::new([0; 4096]),
            sealed: Vec::new(),
            frames: 0,
            round_trip: None,
            admission: None,
        })
    }

    /// One round trip to the node: what the TCP connect took. `None` on Unix sockets and on the listener's side.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Who is at the other end, on links that can tell.
    pub fn peer(&self) -> Option<Peer> {
        self.cipher.peer()
    }

    /// We are `ours` to a node that has not looked at its list yet.
    pub(super) fn awaits_admission(&mut self, ours: Libp2pId) {
        self.admission = Some((ours, Instant::now()));
    }

    /// What it means that the node closed the link between two requests.
    fn closed(&self) -> LinkError {
        match &self.admission {
            Some((ours, since)) if since.elapsed() < ADMISSION => LinkError::NotAdmitted(*ours),
            _ => LinkError::Closed,
        }
    }

    /// How many frames came so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// A handle that ends the link from another thread.
    pub fn closer(&self) -> io::Result<Closer> {
        self.stream.closer()
    }

    /// Waits for the next frame.
    pub fn receive(&mut self) -> Result<Frame<'_>, LinkError> {
        let mut idle_since = None;
        while !self.decoder.is_complete()? {
            self.read_more(&mut idle_since)?;
        }
        self.frames += 1;
        self.partial_since = None;
        let read_at = self.read_at;
        // Complete, so this is a frame.
        let bytes = self.decoder.next_frame()?.unwrap_or_default();
        Ok(Frame { bytes, read_at })
    }

    /// Sends bytes that are whole frames with their lengths.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        self.prepare(bytes)?;
        self.send_prepared()
    }

    /// Seals what is to be sent next, so that nothing is left to do but to send it: [`Connection::send_prepared`].
    pub fn prepare(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        self.sealed.clear();
        self.sealed.shrink_to(64 * 1024);
        self.cipher.seal(bytes, &mut self.sealed)
    }

    /// Sends what was prepared.
    pub fn send_prepared(&mut self) -> Result<(), LinkError> {
        self.stream.write_all(&self.sealed, self.times.write)
    }

    /// Ends the link in both directions.
    pub fn close(&mut self) {
        self.stream.shutdown(Shutdown::Both);
    }

    fn is_partial(&self) -> bool {
        self.decoder.is_partial() || self.cipher.is_partial()
    }

    /// `idle_since` is when the wait for this frame began; empty sealed frames do not begin it again.
    fn read_more(&mut self, idle_since: &mut Option<Instant>) -> Result<(), LinkError> {
        let partial = self.is_partial();
        let wait = if partial {
            let since = *self.partial_since.get_or_insert_with(Instant::now);
            let left = self.times.frame.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Err(LinkError::HalfFrame(self.times.frame));
            }
            left
        } else {
            match idle_since {
                None => {
                    *idle_since = Some(Instant::now());
                    self.times.silence
                }
                Some(since) => {
                    let left = self.times.silence.saturating_sub(since.elapsed());
                    if left.is_zero() {
                        return Err(LinkError::Silent(self.times.silence));
                    }
                    left
                }
            }
        };
        if self.waiting != Some(wait) {
            self.stream.set_read_timeout(wait).map_err(LinkError::Io)?;
            self.waiting = Some(wait);
        }
        let count = match self.stream.read(&mut *self.buffer) {
            Ok(0) if partial => return Err(LinkError::ClosedInFrame),
            Ok(0) => return Err(self.closed()),
            Ok(count) => count,
            Err(error) if has_run_out(&error) && partial => {
                return Err(LinkError::HalfFrame(self.times.frame));
            }
            Err(error) if has_run_out(&error) => {
                return Err(LinkError::Silent(self.times.silence));
            }
            Err(error) => {
                return Err(match broken(error) {
                    LinkError::Closed if !partial => self.closed(),
                    other => other,
                });
            }
        };
        self.read_at = SystemClock.now();
        self.admission = None;
        let bytes = self.buffer.get(..count).unwrap_or_default();
        self.cipher.feed(bytes, &mut self.decoder)
    }
}

pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// The socket's own limit, and not the kernel's word that the peer is gone.
fn has_run_out(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

fn broken(error: io::Error) -> LinkError {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => LinkError::Closed,
        io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => LinkError::Vanished,
        _ => LinkError::Io(error),
    }
}
