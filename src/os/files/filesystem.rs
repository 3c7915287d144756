//! What kind of file system a file lives on, and the marks by which a file knows its own copy.

use std::fs::File;
use std::io;
use std::time::Duration;

/// Where a file lives; changes when the file is copied, or restored into a file of its own (W15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The inode number.
    pub inode: u64,
    /// The birth time as seconds and nanoseconds since 1970-01-01 UTC, where the file system gives it.
    pub birth: Option<(i64, u32)>,
    /// The file system's own number (`f_fsid`), where it has one that lasts: a btrfs snapshot keeps inode numbers and
    /// birth times, and has another number.
    pub filesystem: Option<u64>,
}

/// Everything by which a file is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Where it lives.
    pub provenance: Provenance,
    /// How many names (hard links) it has.
    pub links: u64,
    /// When its content was written last (mtime), since 1970-01-01 UTC. Who may write to the file may set it.
    pub modified: Duration,
    /// When anything of it was changed last (ctime), since 1970-01-01 UTC. Nobody can set it.
    pub changed: Duration,
}

impl Marks {
    /// The marks of an open file.
    #[cfg(target_os = "linux")]
    pub fn of(file: &File) -> io::Result<Self> {
        use rustix::fs::{AtFlags, StatxFlags, makedev, statx};
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        let found = statx(file, c"", AtFlags::EMPTY_PATH, wanted)?;
        let has_birth = found.stx_mask & StatxFlags::BTIME.bits() != 0;
        let birth = has_birth.then_some((found.stx_btime.tv_sec, found.stx_btime.tv_nsec));
        let device = makedev(found.stx_dev_major, found.stx_dev_minor);
        let time = |time: rustix::fs::StatxTimestamp| since_1970(time.tv_sec, time.tv_nsec);
        Ok(Self {
            provenance: Provenance {
                inode: found.stx_ino,
                birth,
                filesystem: lasting(rustix::fs::fstatvfs(file)?.f_fsid, device),
            },
            links: u64::from(found.stx_nlink),
            modified: time(found.stx_mtime),
            changed: time(found.stx_ctime),
        })
    }

    /// The marks of an open file.
    #[cfg(not(target_os = "linux"))]
    pub fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = file.metadata()?;
        let time = |seconds, nanos| since_1970(seconds, u32::try_from(nanos).unwrap_or(0));
        Ok(Self {
            provenance: Provenance {
                inode: found.ino(),
                birth: None,
                filesystem: lasting(rustix::fs::fstatvfs(file)?.f_fsid, found.dev()),
            },
            links: found.nlink(),
            modified: time(found.mtime(), found.mtime_nsec()),
            changed: time(found.ctime(), found.ctime_nsec()),
        })
    }
}

fn since_1970(seconds: i64, nanos: u32) -> Duration {
    u64::try_from(seconds).map_or(Duration::ZERO, |seconds| Duration::new(seconds, nanos))
}

/// A file system's number, if it stays what it is: XFS and others give the number of the device, which a reboot may
/// change, and some give nothing.
fn lasting(number: u64, device: u64) -> Option<u64> {
    let (major, minor) = (
        u64::from(rustix::fs::major(device)),
        u64::from(rustix::fs::minor(device)),
    );
    // `huge_encode_dev` of <linux/kdev_t.h>.
    let of_device = (minor & 0xff) | major << 8 | (minor & !0xff) << 12;
    (number != 0 && number != of_device).then_some(number)
}

impl Provenance {
    /// Whether `found` can be the very file that these marks were taken of. A file that had a birth time keeps it; one
    /// whose file system gave none may be given one by a newer kernel. So with the file system's number.
    pub fn agrees_with(&self, found: &Provenance) -> bool {
        self.inode == found.inode
            && (self.birth.is_none() || self.birth == found.birth)
            && (self.filesystem.is_none() || self.filesystem == found.filesystem)
    }
}

/// Whether the times of a file are set by the clock of another host, or of another program.
#[cfg(target_os = "linux")]
pub fn has_foreign_clock(file: &File) -> io::Result<bool> {
    let kind = ephemeral(file)?;
    Ok(matches!(kind, Some("NFS" | "FUSE" | "SMB" | "9p" | "Ceph")))
}

/// See the Linux version; elsewhere the kind is not known.
#[cfg(not(target_os = "linux"))]
pub fn has_foreign_clock(_file: &File) -> io::Result<bool> {
    Ok(false)
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
        let of = |path| Marks::of(&File::open(path).unwrap()).unwrap().provenance;
        assert!(of(&one).agrees_with(&of(&one)));
        assert!(!of(&one).agrees_with(&of(&two)));
        // A rename keeps the file.
        let before = of(&one);
        std::fs::rename(&one, folder.path().join("three")).unwrap();
        assert!(before.agrees_with(&of(&folder.path().join("three"))));
    }

    #[test]
    fn what_is_once_known_stays() {
        let one = Provenance {
            inode: 1,
            birth: Some((1, 0)),
            filesystem: Some(7),
        };
        let bare = Provenance {
            inode: 1,
            birth: None,
            filesystem: None,
        };
        assert!(bare.agrees_with(&one));
        let others = [
            bare,
            Provenance { inode: 2, ..one },
            Provenance { birth: None, ..one },
            Provenance {
                birth: Some((2, 0)),
                ..one
            },
            Provenance {
                filesystem: None,
                ..one
            },
            Provenance {
                filesystem: Some(8),
                ..one
            },
        ];
        for other in others {
            assert!(!one.agrees_with(&other), "{other:?}");
        }
    }

    #[test]
    fn the_number_of_a_device_is_none_of_a_file_system() {
        use rustix::fs::makedev;
        assert_eq!(lasting(0x702, makedev(7, 2)), None);
        assert_eq!(lasting(0x001f_d234, makedev(0xfd2, 0x134)), None);
        assert_eq!(lasting(0, makedev(0, 40)), None);
        assert_eq!(lasting(0xa348_9b38, makedev(7, 0)), Some(0xa348_9b38));
    }

    #[test]
    fn times_and_names_are_those_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one");
        std::fs::write(&path, "state").unwrap();
        let file = File::open(&path).unwrap();
        let past = std::time::SystemTime::UNIX_EPOCH + Duration::new(1_000, 5_000);
        file.set_modified(past).unwrap();
        std::fs::hard_link(&path, folder.path().join("two")).unwrap();
        let marks = Marks::of(&file).unwrap();
        assert_eq!(marks.modified, Duration::new(1_000, 5_000));
        assert!(marks.changed > Duration::from_secs(1_700_000_000));
        assert_eq!(marks.links, 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn shared_memory_forgets() {
        if let Ok(folder) = tempfile::tempdir_in("/dev/shm") {
            let file = File::create(folder.path().join("x")).unwrap();
            assert_eq!(ephemeral(&file).unwrap(), Some("tmpfs"));
            assert!(!has_foreign_clock(&file).unwrap());
        }
    }
}
