//! Who holds a lock, as far as that may be seen: to name the process in a message, and to tell a signer from a squatter.
//!
//! A Unix socket tells its listener's process and user (`SO_PEERCRED`, unix(7)); `/proc/locks` tells whose a `flock` is
//! (proc(5)). Both number processes as this process's own pid namespace does, and are silent about others.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The name of this program, which its file's name holds.
const PROGRAM: &str = "tmkms";
/// The longest name of a program that is shown, in characters.
const LONGEST: usize = 64;

/// A process that holds a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its number; `None` where it is another namespace's.
    pub pid: Option<u32>,
    /// Its user's number.
    pub uid: Option<u32>,
    /// What it runs.
    pub program: Program,
    /// The host or container that it wrote of itself, where it is another than this one; `pid` counts there.
    pub host: Option<String>,
}

/// What a process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// This program, or one that has its name.
    Tmkms(String),
    /// Another one.
    Other(String),
    /// One that bound the lock's name and does not listen, as this program does.
    Silent,
    /// That cannot be seen.
    #[default]
    Unknown,
}

/// What a holder of the lock's name is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A signer, or it may be one: two signers with one key double-sign, so this one must not sign.
    Signer,
    /// Another program, or another user's, which only keeps this one from the name.
    Squatter,
}

impl Holder {
    /// The process of a number and user, as `/proc` has it.
    pub fn of_process(pid: Option<u32>, uid: Option<u32>) -> Self {
        let program = pid.map(program_of).unwrap_or_default();
        Self {
            pid,
            uid,
            program,
            host: None,
        }
    }

    /// A process that has the lock's name bound and does not listen: nothing tells whose it is.
    pub fn silent() -> Self {
        Self {
            program: Program::Silent,
            ..Self::default()
        }
    }

    /// The process that holds the `flock` of a file, where `/proc/locks` tells.
    pub fn of_flock(file: &Metadata) -> Option<Self> {
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
        let pid = flock_of(&locks, &format!("{major:02x}:{minor:02x}:{}", file.ino()))?;
        let uid = std::fs::metadata(format!("/proc/{pid}")).ok();
        Some(Self::of_process(Some(pid), uid.map(|meta| meta.uid())))
    }

    /// What it is taken for. Anything that may be a signer counts as one: only a program that is seen to be another is not.
    pub fn verdict(&self) -> Verdict {
        match self.program {
            Program::Other(_) | Program::Silent => Verdict::Squatter,
            Program::Tmkms(_) | Program::Unknown => Verdict::Signer,
        }
    }

    /// The same, where another lock is held that every signer with this very key file or `lock_dir` has: then another
    /// user's process stops nothing, whatever it is called, because anybody can copy a program. Not so root's, who has
    /// better ways, and a process of another pid namespace, whose user's number may mean another user there.
    pub fn verdict_beside_a_lock(&self) -> Verdict {
        let me = rustix::process::geteuid().as_raw();
        match (self.pid, self.uid) {
            (Some(_), Some(uid)) if uid != me && uid != 0 => Verdict::Squatter,
            _ => self.verdict(),
        }
    }
}

impl Holder {
    /// Behind "another process", with a colon before it; nothing where nothing is known.
    pub fn in_words(&self) -> String {
        match self.pid {
            Some(_) => format!(": {self}"),
            None => String::new(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.program == Program::Silent {
            return f.write_str("a process that does not listen");
        }
        let Some(pid) = self.pid else {
            return f.write_str("a process that cannot be seen from here (of another container?)");
        };
        write!(f, "process {pid}")?;
        if let Some(host) = &self.host {
            return write!(f, " of {host}");
        }
        let program = match &self.program {
            Program::Tmkms(name) | Program::Other(name) => Some(name),
            Program::Silent | Program::Unknown => None,
        };
        match (program, self.uid) {
            (Some(name), Some(uid)) => write!(f, " ({name}, user {uid})"),
            (Some(name), None) => write!(f, " ({name})"),
            (None, Some(uid)) => write!(f, " (user {uid})"),
            (None, None) => Ok(()),
        }
    }
}

fn program_of(pid: u32) -> Program {
    let file = |pid: &str| std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    classify(
        file(&pid.to_string()).as_deref(),
        name.as_deref(),
        file("self").as_deref(),
    )
}

/// What a process runs, by the file of its program where that may be read, otherwise by the name that the kernel keeps
/// (15 characters, and every process may change its own).
fn classify(file: Option<&Path>, name: Option<&str>, mine: Option<&Path>) -> Program {
    let file_name = file.and_then(Path::file_name);
    let shown = match (file_name, name) {
        (Some(file), _) => file.to_string_lossy().into_owned(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => return Program::Unknown,
    };
    let shown = shown.trim_end_matches(" (deleted)");
    let shown: String = shown
        .chars()
        .filter(|character| !character.is_control())
        .take(LONGEST)
        .collect();
    match shown.contains(PROGRAM) || file.is_some() && file == mine {
        true => Program::Tmkms(shown),
        false => Program::Other(shown),
    }
}

/// The process that has a `flock` on the file `MAJOR:MINOR:INODE`, in a text of `/proc/locks`.
fn flock_of(locks: &str, file: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        // `1: FLOCK  ADVISORY  WRITE 5081 fe:00:7 0 EOF`; one that waits has an arrow behind its number.
        let mut words = line.split_whitespace().skip(1);
        let (kind, pid) = (words.next()?, words.nth(2)?);
        (kind == "FLOCK" && words.next() == Some(file))
            .then(|| pid.parse().ok())
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_file_and_otherwise_by_its_name() {
        let mine = Path::new("/usr/bin/tmkms");
        let told = |file: Option<&str>, name: Option<&str>| {
            classify(file.map(Path::new), name, Some(mine))
        };
        let tmkms = |name: &str| Program::Tmkms(name.to_owned());
        let other = |name: &str| Program::Other(name.to_owned());
        assert_eq!(told(Some("/usr/bin/tmkms"), None), tmkms("tmkms"));
        assert_eq!(told(Some("/opt/tmkms-0.1"), Some("x")), tmkms("tmkms-0.1"));
        // Replaced while it runs.
        assert_eq!(told(Some("/usr/bin/tmkms (deleted)"), None), tmkms("tmkms"));
        assert_eq!(told(None, Some("tmkms")), tmkms("tmkms"));
        // A process that calls itself so is given away by its file.
        assert_eq!(
            told(Some("/usr/bin/python3.13"), Some("tmkms")),
            other("python3.13")
        );
        assert_eq!(told(None, Some("nc\u{1b}[2J\n")), other("nc[2J"));
        assert_eq!(told(None, None), Program::Unknown);
        // A build that has another name knows its own kind.
        let renamed = Path::new("/usr/bin/signer");
        assert_eq!(
            classify(Some(renamed), None, Some(renamed)),
            tmkms("signer")
        );
    }

    #[test]
    fn whoever_may_be_a_signer_is_taken_for_one() {
        let holder = |program| Holder {
            program,
            ..Holder::default()
        };
        let tmkms = holder(Program::Tmkms("tmkms".to_owned()));
        assert_eq!(tmkms.verdict(), Verdict::Signer);
        assert_eq!(holder(Program::Unknown).verdict(), Verdict::Signer);
        let python = holder(Program::Other("python3".to_owned()));
        assert_eq!(python.verdict(), Verdict::Squatter);
    }

    #[test]
    fn the_owner_of_a_flock_is_found_among_others() {
        let locks = "1: OFDLCK ADVISORY  READ  -1 fe:00:7 5 5\n\
                     2: POSIX  ADVISORY  WRITE 11 fe:00:7 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 12 fe:00:71 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 13 fe:00:7 0 EOF\n\
                     4: -> FLOCK  ADVISORY  WRITE 14 fe:00:7 0 EOF\n";
        assert_eq!(flock_of(locks, "fe:00:7"), Some(13));
        assert_eq!(flock_of(locks, "fe:00:71"), Some(12));
        assert_eq!(flock_of(locks, "fe:01:7"), None);
        assert_eq!(flock_of("", "fe:00:7"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen_to_hold_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("locked")).unwrap();
        assert_eq!(Holder::of_flock(&file.metadata().unwrap()), None);
        file.lock().unwrap();
        let holder = Holder::of_flock(&file.metadata().unwrap()).unwrap();
        assert_eq!(holder.pid, Some(std::process::id()));
        assert_eq!(holder.uid, Some(rustix::process::geteuid().as_raw()));
        assert!(matches!(holder.program, Program::Tmkms(_)));
        assert!(holder.to_string().starts_with("process "));
    }
}
