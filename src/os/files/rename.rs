//! Names of files that lie in one folder: two that are swapped, and one that is changed without replacing another.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, renameat};

use super::paths::folder_of;

/// Swaps what two names name, at once: nobody finds either of them missing, and nothing that is written under one of them
/// gets lost in between. Flushes the folder. `false` where the system or the file system cannot.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    match with(one, other, rustix::fs::RenameFlags::EXCHANGE)? {
        true => flush_folder(one).map(|()| true),
        false => Ok(false),
    }
}

/// See the Linux version; elsewhere the system cannot.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn exchange(_one: &Path, _other: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Gives a file another name, and flushes the folder. Fails with `AlreadyExists` where anything has that name.
pub fn to_new_name(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    if with(from, to, rustix::fs::RenameFlags::NOREPLACE)? {
        return flush_folder(to);
    }
    std::fs::hard_link(from, to)?;
    std::fs::remove_file(from)?;
    flush_folder(to)
}

/// Gives a file the name of another one, which is gone then, and flushes the folder.
pub fn over(from: &Path, to: &Path) -> io::Result<()> {
    renameat(CWD, from, CWD, to)?;
    flush_folder(to)
}

/// `false` where the system or the file system does not know these flags.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn with(from: &Path, to: &Path, flags: rustix::fs::RenameFlags) -> io::Result<bool> {
    use rustix::io::Errno;
    match rustix::fs::renameat_with(CWD, from, CWD, to, flags) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
        other => Ok(other.map(|()| true)?),
    }
}

fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_swapped_changed_and_never_taken() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (one, two) = (at("one"), at("two"));
        std::fs::write(&one, "1").unwrap();
        assert!(exchange(&one, &two).is_err() || cfg!(not(target_os = "linux")));
        std::fs::write(&two, "2").unwrap();
        let read = || [&one, &two].map(|path| std::fs::read_to_string(path).unwrap());
        match exchange(&one, &two).unwrap() {
            true => assert_eq!(read(), ["2", "1"]),
            false => assert_eq!(read(), ["1", "2"]),
        }
        let taken = to_new_name(&one, &two).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        to_new_name(&one, &at("three")).unwrap();
        assert!(!one.exists() && at("three").exists());
        over(&two, &at("three")).unwrap();
        assert!(!two.exists());
    }
}
