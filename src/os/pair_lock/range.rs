//! A lock on one byte of a file, held by an open file: two of them meet wherever the file is the same one, through bind
//! mounts and in any namespace.
//!
//! The file may be open for reading only, as a key on a read-only mount is. Then the kernel gives only shared locks, so
//! a shared one is placed and it is asked whether an exclusive one would be possible beside it: not if anybody else has a
//! shared one there. A `flock` of the whole file around the two steps makes that one step, so that of several at once one
//! gets it. Open file description locks (fcntl(2)) belong to the open file, not to the process: closing another one of
//! the same file does not release them.

use std::fs::{File, TryLockError};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long another process may be between the two steps.
const PATIENCE: Duration = Duration::from_secs(1);
const TRY_AGAIN: Duration = Duration::from_millis(5);

/// Locks a byte for as long as the file is open, or says that another open file has it.
///
/// # Errors
/// The file system or kernel has no such locks.
pub fn take(file: &File, offset: u64) -> io::Result<bool> {
    if !alone(file) {
        return Ok(false);
    }
    let taken = place(file, offset);
    // Where it could not be taken there is nothing to give back.
    let _ = file.unlock();
    taken
}

/// Whether another open file has the byte, without taking it.
///
/// # Errors
/// As [`take`].
pub fn is_held(file: &File, offset: u64) -> io::Result<bool> {
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Ok(true),
        locked => {
            if locked.is_ok() {
                let _ = file.unlock();
            }
            byte::is_held(file, offset)
        }
    }
}

/// The `flock`. `false` where another process keeps it: such a one wants the file for itself. Where there is none (some
/// network file systems), two that come at once both lose, and the next try decides.
fn alone(file: &File) -> bool {
    let until = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => return true,
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return false,
            Err(TryLockError::WouldBlock) => sleep(TRY_AGAIN),
        }
    }
}

fn place(file: &File, offset: u64) -> io::Result<bool> {
    if !byte::share(file, offset)? {
        return Ok(false);
    }
    match byte::is_held(file, offset) {
        Ok(false) => Ok(true),
        other => {
            byte::free(file, offset)?;
            other.map(|_| false)
        }
    }
}

#[cfg(target_os = "linux")]
mod byte {
    use std::fs::File;
    use std::io;

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc::{self, c_int, c_short, flock, off_t};

    fn lock(kind: c_int, offset: u64) -> flock {
        flock {
            l_type: c_short::try_from(kind).unwrap_or(c_short::MAX),
            l_whence: c_short::try_from(libc::SEEK_SET).unwrap_or(c_short::MAX),
            l_start: start(offset),
            l_len: 1,
            l_pid: 0,
        }
    }

    /// An offset that the system can count to, whatever its width.
    fn start(offset: u64) -> off_t {
        let most = u64::try_from(off_t::MAX).unwrap_or(u64::MAX);
        off_t::try_from(offset % most).unwrap_or(0)
    }

    /// A shared lock; `false` when another has an exclusive one.
    pub(super) fn share(file: &File, offset: u64) -> io::Result<bool> {
        match fcntl(file, FcntlArg::F_OFD_SETLK(&lock(libc::F_RDLCK, offset))) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn free(file: &File, offset: u64) -> io::Result<()> {
        fcntl(file, FcntlArg::F_OFD_SETLK(&lock(libc::F_UNLCK, offset)))?;
        Ok(())
    }

    pub(super) fn is_held(file: &File, offset: u64) -> io::Result<bool> {
        let mut wanted = lock(libc::F_WRLCK, offset);
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut wanted))?;
        Ok(c_int::from(wanted.l_type) != libc::F_UNLCK)
    }
}

#[cfg(not(target_os = "linux"))]
mod byte {
    use std::fs::File;
    use std::io;

    pub(super) fn share(_: &File, _: u64) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn free(_: &File, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn is_held(_: &File, _: u64) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::sync::Barrier;

    fn open(path: &Path) -> File {
        File::open(path).unwrap()
    }

    fn key_file() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "key").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_byte_has_one_holder_among_open_files_that_only_read() {
        let (_folder, path) = key_file();
        let (one, two) = (open(&path), open(&path));
        for offset in [0, 7, 1 << 62, u64::MAX] {
            assert!(!is_held(&two, offset).unwrap());
            assert!(take(&one, offset).unwrap());
            assert!(is_held(&two, offset).unwrap());
            assert!(!take(&two, offset).unwrap());
            // Who did not get it left nothing behind.
            assert!(!is_held(&one, offset).unwrap());
        }
        assert!(take(&two, 2).unwrap(), "another byte");
        // Another open file of this process is closed: a lock of the older kind would be gone.
        drop(open(&path));
        let name = path.with_file_name("link");
        std::fs::hard_link(&path, &name).unwrap();
        assert!(!take(&open(&name), 7).unwrap(), "another name");
        drop(one);
        assert!(take(&two, 7).unwrap());
    }

    #[test]
    fn who_wants_the_whole_file_for_himself_has_every_byte() {
        let (_folder, path) = key_file();
        let (one, two) = (open(&path), open(&path));
        one.lock().unwrap();
        assert!(is_held(&two, 3).unwrap());
        assert!(!take(&two, 3).unwrap());
        one.unlock().unwrap();
        assert!(take(&two, 3).unwrap());
    }

    #[test]
    fn of_several_at_once_one_gets_it() {
        let (_folder, path) = key_file();
        let (path, gate) = (&path, &Barrier::new(3));
        for offset in 0..300 {
            let got = std::thread::scope(|scope| {
                let one_try = move || {
                    let file = open(path);
                    gate.wait();
                    let got = take(&file, offset).unwrap();
                    // All have tried before it lets go.
                    gate.wait();
                    got
                };
                let tries: Vec<_> = (0..3).map(|_| scope.spawn(one_try)).collect();
                let tries = tries.into_iter().map(|thread| thread.join().unwrap());
                tries.filter(|got| *got).count()
            });
            assert_eq!(got, 1);
        }
    }
}
