//! Whether this process sees the whole host, or only the inside of a container.
//!
//! The kernel gives the namespaces that it begins with fixed numbers: `PROC_PID_INIT_INO` of `include/linux/proc_ns.h`,
//! and since Linux 6.18 also that of the network (`include/uapi/linux/nsfs.h`). Before, the network's is compared with
//! that of process 1, where process 1 is the host's and this process may ask for its namespaces (root may).

use std::fs;
use std::path::{Path, PathBuf};

/// The number of the pid namespace that a host begins with.
const HOST_PROCESSES: u64 = 0xEFFF_FFFC;
/// The number of the network namespace that a host begins with, since Linux 6.18.
const HOST_NETWORK: u64 = 0xEFFF_FFF9;

/// Which part of a host a namespace shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All of it.
    Host,
    /// Only what is in the namespace.
    Own,
    /// That cannot be told.
    Unknown,
}

/// What this process sees of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespaces {
    /// Processes, in `/proc`.
    pub processes: View,
    /// The network, and with it abstract Unix sockets.
    pub network: View,
}

/// The numbers of namespaces, where they can be read.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    processes: Option<u64>,
    network: Option<u64>,
    network_of_process_1: Option<u64>,
    /// Whether this kernel gives the host's network a fixed number.
    network_is_fixed: bool,
}

impl Namespaces {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        let number = |of: &str, kind: &str| {
            let link = fs::read_link(format!("/proc/{of}/ns/{kind}")).ok()?;
            number_in(link.to_str()?)
        };
        Self::judge(Numbers {
            processes: number("self", "pid"),
            network: number("self", "net"),
            network_of_process_1: number("1", "net"),
            network_is_fixed: fixes_network(&rustix::system::uname().release().to_string_lossy()),
        })
    }

    fn judge(numbers: Numbers) -> Self {
        let processes = match numbers.processes {
            Some(HOST_PROCESSES) => View::Host,
            Some(_) => View::Own,
            None => View::Unknown,
        };
        let network = match (numbers.network, numbers.network_of_process_1) {
            (Some(HOST_NETWORK), _) => View::Host,
            (Some(_), _) if numbers.network_is_fixed => View::Own,
            (Some(mine), Some(first)) if processes == View::Host => match mine == first {
                true => View::Host,
                false => View::Own,
            },
            _ => View::Unknown,
        };
        Self { processes, network }
    }

    /// Whether something of the host is certainly hidden.
    pub fn is_confined(&self) -> bool {
        self.processes == View::Own || self.network == View::Own
    }
}

/// Whether a kernel of this release, as `6.18.4-1-lts`, is one with a fixed number for the host's network.
fn fixes_network(release: &str) -> bool {
    let mut parts = release.split(|character: char| !character.is_ascii_digit());
    let mut next = || parts.next().and_then(|part| part.parse::<u32>().ok());
    next().zip(next()).is_some_and(|version| version >= (6, 18))
}

/// The number in `pid:[4026531836]`.
fn number_in(link: &str) -> Option<u64> {
    link.split_once(":[")?.1.strip_suffix(']')?.parse().ok()
}

/// Whether a folder surely belongs to this container alone: it lies on the container's own layer, or in a memory file
/// system that was made for it. What is mounted from the host has a place of its own in the table of mounts.
pub fn is_containers_own(folder: &Path) -> bool {
    let Ok(folder) = fs::canonicalize(folder) else {
        return false;
    };
    fs::read_to_string("/proc/self/mountinfo")
        .is_ok_and(|mounts| Mount::of(&mounts, &folder).is_some_and(|mount| mount.is_own()))
}

/// The mount that a path lies on, from `/proc/self/mountinfo` (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// Which folder of the file system is mounted.
    root: String,
    /// Where.
    point: PathBuf,
    /// The kind of file system.
    kind: String,
}

impl Mount {
    fn of(mounts: &str, path: &Path) -> Option<Self> {
        // The longest place counts, and of several mounts at one place the last.
        mounts
            .lines()
            .filter_map(Self::read)
            .filter(|mount| path.starts_with(&mount.point))
            .max_by_key(|mount| mount.point.components().count())
    }

    /// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`
    fn read(line: &str) -> Option<Self> {
        let (place, system) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        Some(Self {
            root: unescaped(place.next()?),
            point: unescaped(place.next()?).into(),
            kind: system.split(' ').next()?.to_owned(),
        })
    }

    fn is_own(&self) -> bool {
        let whole = self.root == "/";
        match &*self.kind {
            "overlay" | "aufs" | "fuse.fuse-overlayfs" => true,
            "tmpfs" | "ramfs" => whole,
            _ => self.point == Path::new("/"),
        }
    }
}

/// The kernel writes blanks, tabs, line ends and backslashes as `\ooo`.
fn unescaped(text: &str) -> String {
    let codes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    codes.iter().fold(text.to_owned(), |text, (code, meant)| {
        text.replace(code, meant)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINER: u64 = 0xF000_0123;

    fn judge(processes: u64, network: u64, first: Option<u64>) -> (View, View) {
        let found = Namespaces::judge(Numbers {
            processes: Some(processes),
            network: Some(network),
            network_of_process_1: first,
            network_is_fixed: false,
        });
        (found.processes, found.network)
    }

    #[test]
    fn a_host_is_told_from_a_container() {
        use View::{Host, Own, Unknown};
        // A plain process of the host: a new kernel, an old one as root, an old one as a user.
        assert_eq!(judge(HOST_PROCESSES, HOST_NETWORK, None), (Host, Host));
        assert_eq!(judge(HOST_PROCESSES, 7, Some(7)), (Host, Host));
        assert_eq!(judge(HOST_PROCESSES, 7, None), (Host, Unknown));
        // A container; its process 1 is its own. The host's network, on a new kernel.
        assert_eq!(judge(CONTAINER, 7, Some(7)), (Own, Unknown));
        assert_eq!(judge(CONTAINER, HOST_NETWORK, None), (Own, Host));
        // A service with a network of its own, or a container with the host's processes.
        assert_eq!(judge(HOST_PROCESSES, 7, Some(8)), (Host, Own));
        let new = Namespaces::judge(Numbers {
            processes: Some(HOST_PROCESSES),
            network: Some(7),
            network_is_fixed: true,
            ..Numbers::default()
        });
        assert_eq!((new.processes, new.network), (Host, Own));
        // No /proc.
        let none = Namespaces::judge(Numbers::default());
        assert_eq!((none.processes, none.network), (Unknown, Unknown));
        assert!(!none.is_confined());
        for (processes, network, confined) in
            [(Host, Unknown, false), (Own, Host, true), (Host, Own, true)]
        {
            let seen = Namespaces { processes, network };
            assert_eq!(seen.is_confined(), confined);
        }
    }

    #[test]
    fn numbers_are_read() {
        for (release, fixed) in [
            ("6.18.44-fc", true),
            ("6.18", true),
            ("7.0-rc1", true),
            ("6.17.9-1-lts", false),
            ("5.19.0", false),
            ("", false),
        ] {
            assert_eq!(fixes_network(release), fixed, "{release}");
        }
        assert_eq!(number_in("pid:[4026531836]"), Some(HOST_PROCESSES));
        assert_eq!(number_in("pid:[]"), None);
        assert_eq!(number_in("4026531836"), None);
    }

    #[test]
    fn a_folder_of_the_host_is_told_from_a_containers_own() {
        let mounts = "1 0 0:30 / / rw - overlay overlay rw\n\
                      2 1 0:31 / /run rw - tmpfs tmpfs rw\n\
                      3 2 0:25 /tmkms /run/tmkms rw - tmpfs tmpfs rw\n\
                      4 1 8:1 / /data rw - ext4 /dev/sda1 rw\n\
                      5 1 8:1 /srv/my\\040locks /my\\040locks rw - ext4 /dev/sda1 rw\n\
                      6 1 0:33 / /locks rw shared:1 - tmpfs tmpfs rw\n";
        let own = |path: &str| Mount::of(mounts, Path::new(path)).unwrap().is_own();
        // Mounted from the host: a folder of its /run, a disk, a folder of a disk.
        assert!(!own("/run/tmkms") && !own("/run/tmkms/deep"));
        assert!(!own("/data") && !own("/my locks"));
        // The container's layer, its own /run, a memory of its own.
        assert!(own("/var/lib/tmkms") && own("/run/tmkms2") && own("/run") && own("/locks"));
        assert_eq!(Mount::of("", Path::new("/x")), None);
        assert_eq!(Mount::of("no mounts\n", Path::new("/x")), None);
        assert!(!is_containers_own(Path::new("/no such folder")));
    }
}
