//! The socket of a link, of either kind, with a limit for every write.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::link::error::LinkError;

/// A socket of either kind.
pub(in crate::link) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
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
    pub(in crate::link) fn closer(&self) -> io::Result<Closer> {
        Ok(Closer(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
        }))
    }

    pub(in crate::link) fn set_read_timeout(&self, time: Duration) -> io::Result<()> {
        // Zero would mean forever.
        let time = Some(time.max(Duration::from_millis(1)));
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(time),
            Self::Unix(stream) => stream.set_read_timeout(time),
        }
    }

    pub(in crate::link) fn set_write_timeout(&self, time: Duration) -> io::Result<()> {
        let time = Some(time.max(Duration::from_millis(1)));
        match self {
            Self::Tcp(stream) => stream.set_write_timeout(time),
            Self::Unix(stream) => stream.set_write_timeout(time),
        }
    }

    pub(in crate::link) fn shutdown(&self, how: Shutdown) {
        // An error means that the other side has ended it already.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }

    /// Whether a byte comes within `limit`, or the end; either is still to be read.
    pub(in crate::link) fn has_come(&self, limit: Duration) -> Result<bool, LinkError> {
        let began = Instant::now();
        let socket = match self {
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Unix(stream) => SockRef::from(stream),
        };
        loop {
            let left = limit.saturating_sub(began.elapsed());
            self.set_read_timeout(left).map_err(LinkError::Io)?;
            match socket.peek(&mut [MaybeUninit::uninit()]) {
                Ok(_) => return Ok(true),
                Err(error) if has_run_out(&error) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
    }

    pub(in crate::link) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
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
    pub(in crate::link) fn write_all(
        &self,
        mut bytes: &[u8],
        limit: Duration,
    ) -> Result<(), LinkError> {
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

pub(in crate::link) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// The socket's own limit, and not the kernel's word that the peer is gone.
pub(super) fn has_run_out(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

pub(super) fn broken(error: io::Error) -> LinkError {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => LinkError::Closed,
        io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => LinkError::Vanished,
        _ => LinkError::Io(error),
    }
}
