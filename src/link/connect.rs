//! From an address to a socket: all addresses of a name in turn, and limits that notice a host that vanished.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};

use super::connection::{Stream, is_timeout};
use super::error::LinkError;
use super::names::{LOOK_UP, Names};

/// A host that says nothing at all is asked after this, and then every [`PROBE`].
const QUIET: Duration = Duration::from_secs(2);
const PROBE: Duration = Duration::from_secs(1);
/// A host that acknowledges nothing for so long has vanished. With a probe under way the kernel notices it within 5 s.
#[cfg(target_os = "linux")]
const VANISHED: Duration = Duration::from_secs(4);

/// The stream, and what the connect took that made it: one round trip. `limit` is for all addresses together.
pub(super) fn connect_tcp(
    names: &mut Names,
    limit: Duration,
) -> Result<(TcpStream, Duration), LinkError> {
    // Without a thread there is still what was known before.
    let worked = names.begin().ok().flatten();
    let mut last = None;
    if let Some(address) = worked {
        // Meanwhile the name is looked up: it may have moved.
        match connect(names, address, limit.min(LOOK_UP)) {
            Ok(made) => return Ok(made),
            Err(error) => last = Some(error),
        }
    }
    let addresses = match names.addresses(worked) {
        Ok(addresses) => addresses,
        Err(source) => return Err(names.unresolved(source)),
    };
    let began = Instant::now();
    for (tried, address) in addresses.iter().enumerate() {
        let left = limit.saturating_sub(began.elapsed());
        // An address that swallows everything must leave time for the others.
        let others = u32::try_from(addresses.len().saturating_sub(tried)).unwrap_or(u32::MAX);
        let share = left / others.max(1);
        if share.is_zero() {
            break;
        }
        match connect(names, *address, share) {
            Ok(made) => return Ok(made),
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) if !is_timeout(&error) => LinkError::Connect(error),
        _ => LinkError::ConnectTimeout(limit),
    })
}

fn connect(
    names: &mut Names,
    address: SocketAddr,
    limit: Duration,
) -> io::Result<(TcpStream, Duration)> {
    let asked = Instant::now();
    let made = TcpStream::connect_timeout(&address, limit).and_then(|stream| {
        match is_to_itself(&stream) {
            // A connect to a free port of this host's ephemeral range can meet itself.
            true => Err(io::ErrorKind::ConnectionRefused.into()),
            false => Ok(stream),
        }
    });
    match made {
        Ok(stream) => {
            names.worked(address);
            Ok((stream, asked.elapsed()))
        }
        Err(error) => {
            names.failed(address);
            Err(error)
        }
    }
}

/// Another connection to this very address.
pub(super) fn connect_again(address: SocketAddr, limit: Duration) -> Option<Stream> {
    let stream = TcpStream::connect_timeout(&address, limit).ok()?;
    tuned(stream).ok()
}

fn is_to_itself(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(local), Ok(peer)) if local == peer)
}

/// Not blocking, because a connect to a listener that accepts nobody would wait forever.
pub(super) fn connect_unix(path: &Path) -> Result<UnixStream, LinkError> {
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

/// Small replies leave at once, and a host that vanished without a word is noticed. The kernel does both; a node that is
/// only quiet answers its probes and costs nothing.
pub(super) fn tuned(stream: TcpStream) -> Result<Stream, LinkError> {
    let tune = || {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(QUIET).with_interval(PROBE))?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(VANISHED))?;
        Ok(())
    };
    tune().map_err(LinkError::Io)?;
    Ok(Stream::Tcp(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_link_notices_within_five_seconds_that_its_host_vanished() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let Stream::Tcp(stream) = tuned(stream).unwrap() else {
            panic!("another stream")
        };
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), QUIET);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), PROBE);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(VANISHED));
        assert!(VANISHED + PROBE <= Duration::from_secs(5));
        assert!(QUIET + PROBE < VANISHED);
    }
}
