//! `lock_dir`: a folder of the host that every container which may sign has mounted, with a file for each pair of chain
//! and key.
//!
//! The file is never removed, because anyone who opened it before would hold a lock that nobody sees any more. It is private:
//! anybody who may open it could keep it.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};

use super::range;
use crate::os::process::holder::Holder;
use crate::os::users::user_name;
use crate::remedy::{self, CommandLine};

/// The longest note of a holder that is read, in bytes.
const NOTE: usize = 256;

/// Why a folder for locks cannot be used. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It does not exist. It is not made here: in a container it would be one that nobody else sees.
    #[error(
        "lock_dir {} does not exist; make it on the host with `{}`{}, and mount it into every container that may sign",
        path.display(), make(*me, path), remedy::as_user(0)
    )]
    Missing {
        /// The folder.
        path: PathBuf,
        /// The user this process runs as.
        me: u32,
    },
    /// It is a file or the like.
    #[error("lock_dir {} is not a folder; name one", .0.display())]
    NotAFolder(PathBuf),
    /// Another user, who is not root, owns it.
    #[error(
        "lock_dir {} belongs to user {}, who could take the locks away; run every signer as one user, or give it to this one \
         with `{}`{}", path.display(), user_name(*owner), remedy::give_to(*me, path), remedy::as_user(0)
    )]
    Owner {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user this process runs as.
        me: u32,
    },
    /// Others may rename and remove what lies in it.
    #[error(
        "others may write to lock_dir {} (mode {mode:o}); run `{}`{}",
        path.display(), CommandLine::on_file("chmod", &["700"], path), remedy::as_user(*owner)
    )]
    Writable {
        /// The folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// Its owner, who may change them.
        owner: u32,
    },
    /// The lock's file is a link, a folder, or another user's.
    #[error(
        "{p} in lock_dir is {what}; find out who put it there, remove it while no signer of this key runs anywhere, and \
         start again", p = path.display()
    )]
    Planted {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// The system said no.
    #[error("{}: {doing}: {source}; let every signer run as one user that may write to lock_dir", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// The command that makes a folder for locks. The user is a number: on the host it may have no name, or another one.
fn make(user: u32, path: &Path) -> CommandLine {
    CommandLine::on_file(
        "install",
        &["-d", "-m", "700", "-o", &user.to_string()],
        path,
    )
}

/// The file of one pair, in a folder that was judged.
pub(super) struct PairFile {
    folder: File,
    path: PathBuf,
    name: String,
}

/// How many times a file that was replaced in between is opened again.
const TRIES: usize = 5;

impl PairFile {
    /// Judges the folder.
    pub fn in_folder(folder: &Path, name: &str) -> Result<Self, FolderError> {
        let me = rustix::process::geteuid().as_raw();
        let failed = |doing| {
            move |source| FolderError::Io {
                path: folder.to_owned(),
                doing,
                source,
            }
        };
        let directory = OFlags::DIRECTORY.bits();
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(directory).unwrap_or(0))
            .open(folder)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => FolderError::Missing {
                    path: folder.to_owned(),
                    me,
                },
                io::ErrorKind::NotADirectory => FolderError::NotAFolder(folder.to_owned()),
                _ => failed("opening it")(error),
            })?;
        let meta = opened.metadata().map_err(failed("looking at it"))?;
        judge_folder(folder, meta.uid(), meta.mode(), me)?;
        Ok(Self {
            folder: opened,
            path: folder.join(name),
            name: name.to_owned(),
        })
    }

    /// Takes the lock; `None` when another process has it.
    pub fn take(&self) -> Result<Option<File>, FolderError> {
        for _ in 0..TRIES {
            let flags = OFlags::RDWR | OFlags::CREATE;
            let file = self.open(flags).map_err(|error| self.not_opened(error))?;
            let meta = self.judged(&file)?;
            if !range::take(&file, 0).map_err(self.failed("locking it"))? {
                return Ok(None);
            }
            // Between opening and locking somebody may have put another one in its place.
            if self.is_named(&meta) {
                self.sign(&file);
                return Ok(Some(file));
            }
        }
        Err(FolderError::Planted {
            path: self.path.clone(),
            what: "replaced again and again".to_owned(),
        })
    }

    /// Whether a process has the lock, without taking it.
    pub fn is_held(&self) -> Result<bool, FolderError> {
        match self.open(OFlags::RDONLY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.not_opened(error)),
            Ok(file) => {
                self.judged(&file)?;
                range::is_held(&file, 0).map_err(self.failed("asking for its lock"))
            }
        }
    }

    /// Who wrote of himself that he has it.
    pub fn holder(&self) -> Holder {
        let read = || {
            let mut note = String::new();
            let file = self.open(OFlags::RDONLY).ok()?;
            file.take(NOTE as u64).read_to_string(&mut note).ok()?;
            Some(note)
        };
        let note = read().and_then(|note| Note::read(&note));
        note.map(|note| note.seen_from(&Note::of_this_process()))
            .unwrap_or_default()
    }

    fn open(&self, flags: OFlags) -> io::Result<File> {
        let safe = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let opened = rustix::fs::openat(&self.folder, &self.name, flags | safe, mode);
        Ok(opened.map(File::from)?)
    }

    fn judged(&self, file: &File) -> Result<Metadata, FolderError> {
        let me = rustix::process::geteuid().as_raw();
        let meta = file.metadata().map_err(self.failed("looking at it"))?;
        let planted = |what: String| FolderError::Planted {
            path: self.path.clone(),
            what,
        };
        let owner = meta.uid();
        if !meta.is_file() {
            return Err(planted("not a regular file".to_owned()));
        }
        if meta.nlink() > 1 {
            return Err(planted("a file with several names".to_owned()));
        }
        if me != 0 && owner != me && owner != 0 {
            return Err(planted(format!("a file of user {owner}")));
        }
        if owner == me && meta.mode() & 0o077 != 0 {
            rustix::fs::fchmod(file, Mode::RUSR | Mode::WUSR)
                .map_err(|error| self.failed("making it private")(error.into()))?;
        }
        Ok(meta)
    }

    fn is_named(&self, locked: &Metadata) -> bool {
        let there = rustix::fs::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW);
        there.is_ok_and(|there| (there.st_dev, there.st_ino) == (locked.dev(), locked.ino()))
    }

    /// Words for anyone who does not get it; the lock is no worse without them.
    fn sign(&self, file: &File) {
        let note = Note::of_this_process().to_string();
        let _ = file
            .set_len(0)
            .and_then(|()| file.write_all_at(note.as_bytes(), 0));
    }

    fn not_opened(&self, error: io::Error) -> FolderError {
        match error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            true => FolderError::Planted {
                path: self.path.clone(),
                what: "a symbolic link".to_owned(),
            },
            false => self.failed("opening it")(error),
        }
    }

    fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> FolderError + use<> {
        let path = self.path.clone();
        move |source| FolderError::Io {
            path: path.clone(),
            doing,
            source,
        }
    }
}

/// Who may take the locks of a folder away: its owner, and anyone who may write to it unless a sticky bit forbids that.
/// Root works for the service's user, so any owner is right for it.
fn judge_folder(path: &Path, owner: u32, mode: u32, me: u32) -> Result<(), FolderError> {
    let path = path.to_owned();
    if me != 0 && owner != 0 && owner != me {
        return Err(FolderError::Owner { path, owner, me });
    }
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        let mode = mode & 0o7777;
        return Err(FolderError::Writable { path, mode, owner });
    }
    Ok(())
}

/// What a holder writes into the file.
struct Note {
    pid: u32,
    /// The name by which its host or container calls itself.
    host: String,
    /// Where its pid counts.
    namespace: String,
}

impl Note {
    fn of_this_process() -> Self {
        let uname = rustix::system::uname();
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Self {
            pid: std::process::id(),
            host: uname.nodename().to_string_lossy().into_owned(),
            namespace: namespace.display().to_string(),
        }
    }

    /// Reads what another process wrote, and keeps only what is safe to show.
    fn read(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
        };
        let plain = |value: &str| {
            let mut characters = value.chars();
            characters
                .all(|character| character.is_ascii_alphanumeric() || "-._:[]".contains(character))
        };
        let text = |key| value(key).filter(|value| plain(value)).unwrap_or_default();
        Some(Self {
            pid: value("pid")?.parse().ok()?,
            host: text("host").to_owned(),
            namespace: text("namespace").to_owned(),
        })
    }

    /// Who that is, seen from the process that wrote `mine`.
    fn seen_from(self, mine: &Self) -> Holder {
        if self.namespace == mine.namespace {
            return Holder::of_process(Some(self.pid), None);
        }
        Holder {
            pid: Some(self.pid),
            host: Some(match self.host.is_empty() {
                true => "another container".to_owned(),
                false => format!("the host or container {}", self.host),
            }),
            ..Holder::default()
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "pid {}\nhost {}\nnamespace {}",
            self.pid, self.host, self.namespace
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        folder
    }

    #[test]
    fn who_could_take_the_locks_away_is_named() {
        let path = Path::new("/run/tmkms");
        const ME: u32 = 4_000_000_001;
        let judge = |owner, mode: u32| judge_folder(path, owner, 0o40000 | mode, ME);
        for mode in [0o700, 0o755, 0o1777, 0o3770] {
            assert!(
                judge(ME, mode).is_ok() && judge(0, mode).is_ok(),
                "{mode:o}"
            );
        }
        for mode in [0o777, 0o770, 0o720, 0o702] {
            let error = judge(ME, mode).unwrap_err().to_string();
            assert!(error.contains("`chmod 700 /run/tmkms`"), "{error}");
        }
        let error = judge(4_000_000_002, 0o700).unwrap_err().to_string();
        assert!(
            error.contains("user 4000000002") && error.contains("chown 4000000001"),
            "{error}"
        );
        assert!(judge_folder(path, 4_000_000_002, 0o700, 0).is_ok(), "root");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn one_holder_a_pair_who_is_named_and_whose_file_stays() {
        let folder = folder();
        let pair = |name| PairFile::in_folder(folder.path(), name).unwrap();
        assert!(!pair("a").is_held().unwrap());
        assert!(!folder.path().join("a").exists(), "a look makes nothing");
        let held = pair("a").take().unwrap();
        assert!(held.is_some());
        assert!(pair("a").is_held().unwrap());
        assert!(pair("a").take().unwrap().is_none());
        assert_eq!(pair("a").holder().pid, Some(std::process::id()));
        assert!(pair("b").take().unwrap().is_some(), "another pair");
        let mode = std::fs::metadata(folder.path().join("a")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(held);
        assert!(folder.path().join("a").exists());
        assert!(pair("a").take().unwrap().is_some());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_somebody_planted_is_not_locked() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("victim"), "").unwrap();
        symlink(at("victim"), at("link")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        std::fs::hard_link(at("victim"), at("twice")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        for name in ["link", "dangling", "twice", "folder"] {
            let pair = PairFile::in_folder(folder.path(), name).unwrap();
            let error = pair.take().unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("; "), "{error}");
        }
        assert!(!at("nowhere").exists());
        let missing = PairFile::in_folder(&at("none"), "a").err().unwrap();
        assert!(missing.to_string().contains("`install -d -m 700 -o "));
        let file = PairFile::in_folder(&at("victim"), "a").err().unwrap();
        assert!(matches!(file, FolderError::NotAFolder(_)));
    }

    #[test]
    fn a_note_is_read_with_care() {
        let mine = Note {
            pid: 1,
            host: "here".to_owned(),
            namespace: "pid:[4026531836]".to_owned(),
        };
        let seen = |text: &str| Some(Note::read(text)?.seen_from(&mine).to_string());
        let there = "pid 7\nhost 3f2a\nnamespace pid:[4026532000]\n";
        assert_eq!(
            seen(there).as_deref(),
            Some("process 7 of the host or container 3f2a")
        );
        let odd = "pid 7\nhost \u{1b}[2J\nnamespace x\n";
        assert_eq!(seen(odd).as_deref(), Some("process 7 of another container"));
        let own = seen(&format!("pid {}\nnamespace {}", u32::MAX, mine.namespace));
        assert_eq!(own.as_deref(), Some("process 4294967295"));
        assert_eq!(seen("pid -1"), None);
        assert_eq!(seen(""), None);
    }
}
