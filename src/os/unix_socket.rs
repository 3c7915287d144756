//! A listening Unix socket that only its owner may use, at a path of any length.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use socket2::{Domain, SockAddr, Socket, Type};

/// A socket in the file system; its name is removed when this is dropped, unless it is another's by then.
#[derive(Debug)]
pub struct OwnedListener {
    /// The socket.
    pub listener: UnixListener,
    path: PathBuf,
    /// Device and inode.
    named: (u64, u64),
}

impl OwnedListener {
    /// Listens at `path` with mode 0600. What a killed process left there is replaced; a socket that somebody listens
    /// on, and anything that is not a socket, is not.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "something that is not a socket has this name",
                ));
            }
            Ok(_) if connect(path).is_ok() => {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another process listens there",
                ));
            }
            Ok(_) => fs::remove_file(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let short = Short::of(path)?;
        bind_private(&socket, &SockAddr::unix(&short.name)?, path)?;
        let named = name_of(path)?;
        socket.listen(8)?;
        Ok(Self {
            listener: UnixListener::from(OwnedFd::from(socket)),
            path: path.to_owned(),
            named,
        })
    }
}

/// Never by way of the path: what is called so by now may be another's.
#[cfg(target_os = "linux")]
fn bind_private(socket: &Socket, address: &SockAddr, _: &Path) -> io::Result<()> {
    // The name gets the mode that the socket has, less the umask (unix(7), `unix_bind` in the kernel).
    rustix::fs::fchmod(socket, Mode::RUSR | Mode::WUSR)?;
    socket.bind(address)
}

/// Nobody can connect before `listen`, so there is no moment at which others might.
#[cfg(not(target_os = "linux"))]
fn bind_private(socket: &Socket, address: &SockAddr, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, chmodat};
    socket.bind(address)?;
    let mode = Mode::RUSR | Mode::WUSR;
    Ok(chmodat(CWD, path, mode, AtFlags::SYMLINK_NOFOLLOW)?)
}

impl Drop for OwnedListener {
    fn drop(&mut self) {
        if name_of(&self.path).is_ok_and(|found| found == self.named) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn name_of(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// Connects to a socket at a path of any length.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let short = Short::of(path)?;
    socket.connect(&SockAddr::unix(&short.name)?)?;
    Ok(UnixStream::from(OwnedFd::from(socket)))
}

/// A path that fits into the 108 bytes of a socket's address: by way of its open folder where it is longer.
struct Short {
    name: PathBuf,
    _folder: Option<File>,
}

impl Short {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() < 100 || !cfg!(target_os = "linux") {
            return Ok(Self {
                name: path.to_owned(),
                _folder: None,
            });
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let folder = File::open(folder)?;
        let name = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()))
            .join(path.file_name().unwrap_or_default());
        Ok(Self {
            name,
            _folder: Some(folder),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn private_at_any_length_and_never_over_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        for path in [folder.path().join("a.sock"), deep.join("a.sock")] {
            let held = OwnedListener::bind(&path).unwrap();
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(connect(&path).is_ok());
            assert_eq!(
                OwnedListener::bind(&path).unwrap_err().kind(),
                io::ErrorKind::AddrInUse
            );
            drop(held);
            assert!(!path.exists());
            fs::write(&path, "").unwrap();
            assert!(OwnedListener::bind(&path).is_err());
            assert!(path.exists());
        }
    }

    #[test]
    fn what_a_killed_process_left_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        assert!(OwnedListener::bind(&path).is_ok());
    }

    #[test]
    fn the_socket_of_another_process_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let first = OwnedListener::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let second = OwnedListener::bind(&path).unwrap();
        drop(first);
        assert!(connect(&path).is_ok());
        drop(second);
        assert!(!path.exists());
    }
}
