//! A name that one process at a time may have.
//!
//! On Linux it is an abstract Unix socket: the kernel frees the name when the process ends, however it ends, and nothing
//! is left behind. It is valid within one network namespace, and any local user may take it, so its holder is looked
//! at. Elsewhere a locked file in the system's folder for temporary files stands in.

use std::io;

use crate::os::process::holder::Holder;

/// A process that has bound the name listens within this time, unless it is not a signer.
#[cfg(target_os = "linux")]
const LISTENS_WITHIN: std::time::Duration = std::time::Duration::from_millis(50);

/// Held for as long as this lives.
#[derive(Debug)]
pub struct NameLock {
    #[cfg(target_os = "linux")]
    _socket: std::os::unix::net::UnixListener,
    #[cfg(not(target_os = "linux"))]
    _file: std::fs::File,
}

#[cfg(target_os = "linux")]
impl NameLock {
    /// Takes the name, or gives `None` when another process (or another chain of this one) has it.
    pub fn take(name: &str) -> io::Result<Option<Self>> {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::{SocketAddr, UnixListener};
        let address = SocketAddr::from_abstract_name(name)?;
        match UnixListener::bind_addr(&address) {
            Ok(socket) => Ok(Some(Self { _socket: socket })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a process has it, without taking it: a look must not make a service that starts meanwhile fail.
    pub fn is_held(name: &str) -> io::Result<bool> {
        Self::held_of(&[name]).map(|held| !held.is_empty())
    }

    /// Those of several names that processes have, seen at one moment.
    pub fn held_of<'a>(names: &[&'a str]) -> io::Result<Vec<&'a str>> {
        // One line a socket; an abstract name stands at its end behind an `@`.
        // Other programs' names may be no text.
        let sockets = std::fs::read("/proc/self/net/unix")?;
        let sockets = String::from_utf8_lossy(&sockets);
        // A socket of another type (the fifth column; 0001 is a stream) has names of its own and keeps nobody from this one.
        let is_stream = |line: &str| line.split_whitespace().nth(4) == Some("0001");
        let named = sockets
            .lines()
            .filter_map(|line| Some((line.rsplit_once('@')?.1, line)));
        let ours = named.filter(|(name, line)| names.contains(name) && is_stream(line));
        let held: Vec<&str> = ours.map(|(name, _)| name).collect();
        let names = names.iter().copied();
        Ok(names.filter(|name| held.contains(name)).collect())
    }

    /// Who has it. Nobody is waited for: a holder whose queue of connections is full is one that cannot be seen.
    pub fn holder(name: &str) -> Holder {
        // A signer listens right after it bound the name. So a name that is bound and refuses connections, now and a
        // moment later, is no signer's.
        Self::peer(name).unwrap_or_else(|| {
            std::thread::sleep(LISTENS_WITHIN);
            match (Self::is_held(name), Self::peer(name)) {
                (Ok(true), None) => Holder::silent(),
                (_, holder) => holder.unwrap_or_default(),
            }
        })
    }

    /// Who listens at it; `None` where the connection is refused, because nobody listens.
    fn peer(name: &str) -> Option<Holder> {
        use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
        use socket2::{Domain, SockAddr, Socket, Type};
        let peer = || {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            socket.connect(&SockAddr::unix(format!("\0{name}"))?)?;
            Ok::<_, io::Error>(getsockopt(&socket, PeerCredentials)?)
        };
        match peer() {
            // A process of another pid namespace has the number 0 here.
            Ok(peer) => Some(Holder::of_process(
                u32::try_from(peer.pid()).ok().filter(|pid| *pid != 0),
                Some(peer.uid()),
            )),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => None,
            Err(_) => Some(Holder::default()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl NameLock {
    /// Takes the name, or gives `None` when another process (or another chain of this one) has it.
    pub fn take(name: &str) -> io::Result<Option<Self>> {
        use std::fs::{OpenOptions, TryLockError};
        let path = std::env::temp_dir().join(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether a process has it.
    pub fn is_held(name: &str) -> io::Result<bool> {
        Ok(Self::take(name)?.is_none())
    }

    /// Those of several names that processes have.
    pub fn held_of<'a>(names: &[&'a str]) -> io::Result<Vec<&'a str>> {
        let mut held = Vec::new();
        for name in names {
            if Self::is_held(name)? {
                held.push(*name);
            }
        }
        Ok(held)
    }

    /// Who has it: that is not told here.
    pub fn holder(_name: &str) -> Holder {
        Holder::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_none_left_behind() {
        let name = "tmkms-name-lock-test";
        let held = NameLock::take(name).unwrap();
        assert!(held.is_some());
        assert!(NameLock::is_held(name).unwrap());
        assert!(!NameLock::is_held("tmkms-name-lock-tes").unwrap());
        assert!(NameLock::take(name).unwrap().is_none());
        assert!(NameLock::take("tmkms-name-lock-test-2").unwrap().is_some());
        drop(held);
        assert!(NameLock::take(name).unwrap().is_some());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_of_another_type_holds_nothing() {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::{SocketAddr, UnixDatagram};
        let name = "tmkms-name-datagram-test";
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let _squatter = UnixDatagram::bind_addr(&address).unwrap();
        assert!(!NameLock::is_held(name).unwrap());
        assert!(NameLock::take(name).unwrap().is_some());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_holder_is_named_and_never_waited_for() {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::SocketAddr;
        let name = "tmkms-name-holder-test";
        let held = NameLock::take(name).unwrap();
        let holder = NameLock::holder(name);
        assert_eq!(holder.pid, Some(std::process::id()));
        assert_eq!(holder.uid, Some(rustix::process::geteuid().as_raw()));
        drop(held);
        // Nobody.
        assert_eq!(NameLock::holder(name), Holder::default());
        // Bound, and not listening; then listening, and full.
        let socket =
            socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let unnamed = socket2::SockAddr::unix(format!("\0{name}")).unwrap();
        socket.bind(&unnamed).unwrap();
        assert_eq!(NameLock::holder(name), Holder::silent());
        assert_eq!(
            Holder::silent().verdict(),
            crate::os::process::holder::Verdict::Squatter
        );
        socket.listen(0).unwrap();
        let _waits = std::os::unix::net::UnixStream::connect_addr(&address).unwrap();
        let begun = std::time::Instant::now();
        assert_eq!(NameLock::holder(name), Holder::default());
        assert!(begun.elapsed() < std::time::Duration::from_secs(1));
    }
}
