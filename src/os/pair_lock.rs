//! A lock on a pair of chain id and public key, so that two configurations with one key refuse each other (W6).
//!
//! On Linux it is an abstract Unix socket: the kernel frees the name when the process ends, however it ends,
//! and nothing is left behind. The name is a hash, so neither chain nor key can be read from it; it is valid
//! within one network namespace. Elsewhere a locked file in the system's folder for temporary files stands in.

use std::fmt::Write as _;
use std::io;

use sha2::{Digest, Sha256};

/// Held for as long as this lives.
#[derive(Debug)]
pub struct PairLock {
    #[cfg(target_os = "linux")]
    _socket: std::os::unix::net::UnixListener,
    #[cfg(not(target_os = "linux"))]
    _file: std::fs::File,
}

impl PairLock {
    /// Takes the lock, or gives `None` when another process (or another chain of this one) has it.
    pub fn take(chain_id: &str, public_key: &[u8]) -> io::Result<Option<Self>> {
        Self::take_name(&name_of(chain_id, public_key))
    }

    /// Whether a process has it, without taking it: a look must not make a service that starts meanwhile fail.
    pub fn is_held(chain_id: &str, public_key: &[u8]) -> io::Result<bool> {
        Self::name_is_held(&name_of(chain_id, public_key))
    }

    #[cfg(target_os = "linux")]
    fn name_is_held(name: &str) -> io::Result<bool> {
        // One line a socket; an abstract name stands at its end behind an `@`.
        let sockets = std::fs::read_to_string("/proc/net/unix")?;
        let wanted = format!("@{name}");
        Ok(sockets.lines().any(|line| line.ends_with(&wanted)))
    }

    #[cfg(not(target_os = "linux"))]
    fn name_is_held(name: &str) -> io::Result<bool> {
        Ok(Self::take_name(name)?.is_none())
    }
}

fn name_of(chain_id: &str, public_key: &[u8]) -> String {
    let mut hash = Sha256::new();
    // The length keeps (`a`, `bc`) and (`ab`, `c`) apart.
    hash.update(
        u64::try_from(chain_id.len())
            .unwrap_or(u64::MAX)
            .to_be_bytes(),
    );
    hash.update(chain_id.as_bytes());
    hash.update(public_key);
    let mut name = "tmkms-pair-".to_owned();
    for byte in hash.finalize() {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

impl PairLock {
    #[cfg(target_os = "linux")]
    fn take_name(name: &str) -> io::Result<Option<Self>> {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::{SocketAddr, UnixListener};
        let address = SocketAddr::from_abstract_name(name)?;
        match UnixListener::bind_addr(&address) {
            Ok(socket) => Ok(Some(Self { _socket: socket })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(error),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn take_name(name: &str) -> io::Result<Option<Self>> {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_none_left_behind() {
        let key = [42; 32];
        let held = PairLock::take("pair-lock-test", &key).unwrap();
        assert!(held.is_some());
        assert!(PairLock::is_held("pair-lock-test", &key).unwrap());
        assert!(!PairLock::is_held("pair-lock-test-2", &key).unwrap());
        assert!(PairLock::take("pair-lock-test", &key).unwrap().is_none());
        assert!(PairLock::take("pair-lock-test-2", &key).unwrap().is_some());
        drop(held);
        assert!(PairLock::take("pair-lock-test", &key).unwrap().is_some());
    }
}
