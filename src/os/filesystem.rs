//! What kind of file system a file lives on, and the marks by which a file knows its own copy.

use std::fs::File;
use std::io;

/// Where a file lives; changes when the file is copied or restored (W15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The inode number.
    pub inode: u64,
    /// The birth time as seconds and nanoseconds since 1970-01-01 UTC, where the file system gives it.
    pub birth: Option<(i64, u32)>,
}

impl Provenance {
    /// The marks of an open file.
    #[cfg(target_os = "linux")]
    pub fn of(file: &File) -> io::Result<Self> {
        use rustix::fs::{AtFlags, StatxFlags, statx};
        let wanted = StatxFlags::INO | StatxFlags::BTIME;
        let found = statx(file, c"", AtFlags::EMPTY_PATH, wanted)?;
        let has_birth = found.stx_mask & StatxFlags::BTIME.bits() != 0;
        let birth = has_birth.then_some((found.stx_btime.tv_sec, found.stx_btime.tv_nsec));
        Ok(Self {
            inode: found.stx_ino,
            birth,
        })
    }

    /// The marks of an open file.
    #[cfg(not(target_os = "linux"))]
    pub fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        Ok(Self {
            inode: file.metadata()?.ino(),
            birth: None,
        })
    }

    /// Whether `found` can be the very file that these marks were taken of. A file that had a birth time keeps it; one
    /// whose file system gave none may be given one by a newer kernel.
    pub fn agrees_with(&self, found: &Provenance) -> bool {
        self.inode == found.inode && (self.birth.is_none() || self.birth == found.birth)
    }
}

/// The name of the file system a file is on, if it is one that forgets, or that other hosts may share:
/// state there protects from nothing (W6). Where the kind cannot be told the answer is `None`.
#[cfg(target_os = "linux")]
pub fn ephemeral(file: &File) -> io::Result<Option<&'static str>> {
    // From <linux/magic.h>.
    let kind = rustix::fs::fstatfs(file)?.f_type;
    Ok(match kind {
        0x6969 => Some("NFS"),
        0x6573_5546 => Some("FUSE"),
        0x0102_1994 => Some("tmpfs"),
        0x8584_58f6 => Some("ramfs"),
        0x794c_7630 => Some("a container's overlay layer"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Some("SMB"),
        0x0102_1997 => Some("9p"),
        0x00c3_6400 => Some("Ceph"),
        _ => None,
    })
}

/// See the Linux version; elsewhere the kind is not known.
#[cfg(not(target_os = "linux"))]
pub fn ephemeral(_file: &File) -> io::Result<Option<&'static str>> {
    Ok(None)
}

/// How many bytes this user may still write to the file system that holds `path`.
pub fn free_bytes(path: &std::path::Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::write(&one, "state").unwrap();
        std::fs::copy(&one, &two).unwrap();
        let of = |path| Provenance::of(&File::open(path).unwrap()).unwrap();
        assert!(of(&one).agrees_with(&of(&one)));
        assert!(!of(&one).agrees_with(&of(&two)));
        // A rename keeps the file.
        let before = of(&one);
        std::fs::rename(&one, folder.path().join("three")).unwrap();
        assert!(before.agrees_with(&of(&folder.path().join("three"))));
    }

    #[test]
    fn a_birth_time_once_known_stays() {
        let one = Provenance {
            inode: 1,
            birth: Some((1, 0)),
        };
        let unborn = Provenance {
            inode: 1,
            birth: None,
        };
        assert!(unborn.agrees_with(&one));
        assert!(!one.agrees_with(&unborn));
        assert!(!one.agrees_with(&Provenance {
            inode: 1,
            birth: Some((2, 0))
        }));
        assert!(!one.agrees_with(&Provenance {
            inode: 2,
            birth: Some((1, 0))
        }));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn shared_memory_forgets() {
        if let Ok(folder) = tempfile::tempdir_in("/dev/shm") {
            let file = File::create(folder.path().join("x")).unwrap();
            assert_eq!(ephemeral(&file).unwrap(), Some("tmpfs"));
        }
    }
}
