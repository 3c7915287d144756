//! Private files: created 0600 and never overwritten, read only when nobody else can (W14).

pub mod kind;
pub mod sealed;
mod source;
mod variables;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::os::files::replace::{Draft, Readers};
use crate::os::files::strangers::{self, Exposed};
use crate::os::users::user_name;
use crate::remedy;

pub use source::SecretSource;
pub use variables::{Variable, Variables, encode};

/// The longest secret file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Why a secret cannot be read or written. Each text names the file; what to do about one that is not there depends on
/// what it is for ([`SecretFileError::absent`]).
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// Nothing there.
    #[error("the file {} does not exist", .0.display())]
    Missing(PathBuf),
    /// A link that leads nowhere.
    #[error("the file {} is a link to something that does not exist; mend the link", .0.display())]
    Dangling(PathBuf),
    /// A folder, a device or the like.
    #[error("{} is not a regular file; correct its path", .0.display())]
    NotAFile(PathBuf),
    /// Others may read it.
    #[error(
        "others may read the secret in {} (mode {mode:o}); run `{}`{}",
        path.display(), remedy::make_private(path), remedy::as_user(*owner)
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The number of its owner, who may change them.
        owner: u32,
    },
    /// It can be replaced.
    #[error("the secret in {} is not safe: {exposed}", path.display())]
    Replaceable {
        /// The file.
        path: PathBuf,
        /// By whom, and the remedy.
        exposed: Exposed,
    },
    /// Nothing in it.
    #[error("the file {} is empty", .0.display())]
    Empty(PathBuf),
    /// Longer than any key.
    #[error("the file {} is longer than {LONGEST} bytes, so it is not a key; correct its path", .0.display())]
    TooLong(PathBuf),
    /// It is there already.
    #[error("{} exists already and is never overwritten; choose another name or move it away", .0.display())]
    Exists(PathBuf),
    /// An environment variable that is not set.
    #[error(
        "the environment variable {0} is not set; set it where this program is started and start it again, or name a file \
         in place of env:{0}"
    )]
    NoVariable(String),
    /// An environment variable with other bytes.
    #[error(
        "the environment variable {0} is not UTF-8 text; correct it where this program is started and start it again, or \
         name a file in place of env:{0}"
    )]
    NotText(String),
    /// Not started by systemd with credentials.
    #[error(
        "there are no systemd credentials here (CREDENTIALS_DIRECTORY is not set), so credential:{0} cannot be read"
    )]
    NoCredentials(String),
    /// The system said no.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// A secret's file that holds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent<'a> {
    /// There is no such file.
    Missing(&'a Path),
    /// It is there and has no content.
    Empty(&'a Path),
}

impl SecretFileError {
    /// The file that has to be brought or made.
    pub fn absent(&self) -> Option<Absent<'_>> {
        match self {
            Self::Missing(path) => Some(Absent::Missing(path)),
            Self::Empty(path) => Some(Absent::Empty(path)),
            _ => None,
        }
    }
}

/// A secret as read, and a warning about its file, if there is one.
pub struct Secret {
    /// The bytes; wiped when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// For the operator.
    pub warning: Option<String>,
}

/// Reads a secret. Links to files are followed and the target is judged: mounted secrets are such links.
pub fn read(source: &SecretSource) -> Result<Secret, SecretFileError> {
    match source {
        SecretSource::File(path) => read_file(path),
        SecretSource::Environment(variable) => Ok(Secret {
            bytes: value(variable)?,
            warning: None,
        }),
        SecretSource::Credential(name) => read_file(&credential(name)?),
    }
}

/// The bytes of a secret, to see whether they are those that were read before. Who may read or replace them was judged then.
pub fn contents(source: &SecretSource) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    match source {
        SecretSource::File(path) => contents_of_file(path),
        SecretSource::Environment(variable) => value(variable),
        SecretSource::Credential(name) => contents_of_file(&credential(name)?),
    }
}

fn value(variable: &Variable) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let name = || variable.name().to_owned();
    let bytes = variable.value();
    let bytes = bytes.ok_or_else(|| SecretFileError::NoVariable(name()))?;
    match std::str::from_utf8(&bytes) {
        Ok(_) => Ok(bytes),
        Err(_) => Err(SecretFileError::NotText(name())),
    }
}

fn credential(name: &str) -> Result<PathBuf, SecretFileError> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
        .ok_or_else(|| SecretFileError::NoCredentials(name.to_owned()))?;
    Ok(Path::new(&folder).join(name))
}

fn contents_of_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let (file, meta) = open_file(path)?;
    fit(path, &meta)?;
    bytes_of(path, &file, &meta)
}

fn open_file(path: &Path) -> Result<(File, Metadata), SecretFileError> {
    let io = |doing| {
        move |source| SecretFileError::Io {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    let file = OpenOptions::new()
        .read(true)
        // A fifo must not hold the start up.
        .custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0))
        .open(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound if path.is_symlink() => {
                SecretFileError::Dangling(path.to_owned())
            }
            io::ErrorKind::NotFound => SecretFileError::Missing(path.to_owned()),
            _ => io("opening it")(error),
        })?;
    let meta = file.metadata().map_err(io("looking at it"))?;
    if !meta.is_file() {
        return Err(SecretFileError::NotAFile(path.to_owned()));
    }
    Ok((file, meta))
}

/// Whether it can be a secret, by its length.
fn fit(path: &Path, meta: &Metadata) -> Result<(), SecretFileError> {
    match meta.len() {
        0 => Err(SecretFileError::Empty(path.to_owned())),
        1..=LONGEST => Ok(()),
        _ => Err(SecretFileError::TooLong(path.to_owned())),
    }
}

fn bytes_of(
    path: &Path,
    file: &File,
    meta: &Metadata,
) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    // Room for all of it from the start: a vector that grows leaves copies behind.
    let capacity = usize::try_from(meta.len()).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    let read = file.take(LONGEST).read_to_end(&mut bytes);
    read.map_err(|source| SecretFileError::Io {
        path: path.to_owned(),
        doing: "reading it",
        source,
    })?;
    Ok(bytes)
}

fn read_file(path: &Path) -> Result<Secret, SecretFileError> {
    let (file, meta) = open_file(path)?;
    let mode = meta.mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(SecretFileError::Exposed {
            path: path.to_owned(),
            mode,
            owner: meta.uid(),
        });
    }
    fit(path, &meta)?;
    let around = around_secret(path)?;
    let bytes = bytes_of(path, &file, &meta)?;
    let me = rustix::process::geteuid().as_raw();
    let owner = meta.uid();
    let warning = if owner != me && owner != 0 {
        // Root given the file would take it from the one who signs with it.
        let remedy = match me {
            0 => format!("run tmkms as that user, with sudo -u {},", user_name(owner)),
            _ => format!("run `{}`{}", remedy::give_to(me, path), remedy::as_user(0)),
        };
        Some(format!(
            "the secret in {} belongs to user {}, who can read and replace it; {remedy} unless that is meant",
            path.display(),
            user_name(owner),
        ))
    } else if mode & 0o070 != 0 {
        Some(format!(
            "the group may read the secret in {}; run `{}`{} unless that is meant",
            path.display(),
            remedy::make_private(path),
            remedy::as_user(owner)
        ))
    } else {
        around.map(|exposed| {
            format!(
                "the secret in {} may be replaced: {exposed}",
                path.display()
            )
        })
    };
    Ok(Secret { bytes, warning })
}

/// Looks at the folders of a secret, and of what it leads to where it is a link.
fn around_secret(path: &Path) -> Result<Option<Exposed>, SecretFileError> {
    let look = |file: &Path| {
        strangers::around(file).map_err(|exposed| SecretFileError::Replaceable {
            path: path.to_owned(),
            exposed,
        })
    };
    let first = look(path)?;
    match path.is_symlink().then(|| path.canonicalize()) {
        Some(Ok(target)) => Ok(first.or(look(&target)?)),
        _ => Ok(first),
    }
}

/// Writes a new private file and flushes it with its folder: complete or not there. Never overwrites, links included.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), SecretFileError> {
    NewFile::of_secret(path)?.finish(bytes)
}

/// A private file whose place is tried before its content is there, so that a path which cannot be written is told before
/// the work is done. It has its name from [`NewFile::finish`] on; without that it is gone.
pub struct NewFile {
    path: PathBuf,
    draft: Draft,
}

impl NewFile {
    /// Begins it. Never overwrites anything.
    pub fn open(path: &Path) -> Result<Self, SecretFileError> {
        Ok(Self {
            path: path.to_owned(),
            draft: Draft::new(path, Readers::Owner).map_err(not_made(path, "creating it"))?,
        })
    }

    /// Begins one for a secret, where nobody else can put something in its place.
    pub fn of_secret(path: &Path) -> Result<Self, SecretFileError> {
        around_secret(path)?;
        Self::open(path)
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, to ask what it is on.
    pub fn file(&self) -> &File {
        self.draft.file()
    }

    /// Writes its content, flushes it with its folder, and puts it in its place.
    pub fn finish(self, bytes: &[u8]) -> Result<(), SecretFileError> {
        let written = self.draft.finish(bytes);
        written.map_err(not_made(&self.path, "writing it"))
    }
}

fn not_made(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> SecretFileError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::AlreadyExists => SecretFileError::Exists(path.clone()),
        _ => SecretFileError::Io {
            path: path.clone(),
            doing,
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(mode: u32, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn created_private_and_never_twice() {
        let (_folder, path) = file(0o600, b"x");
        assert!(matches!(
            create(&path, b"y"),
            Err(SecretFileError::Exists(_))
        ));
        assert_eq!(*read_file(&path).unwrap().bytes, b"x");
        let link = path.with_file_name("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        assert!(matches!(
            create(&link, b"y"),
            Err(SecretFileError::Exists(_))
        ));
        assert!(matches!(
            read_file(&link),
            Err(SecretFileError::Dangling(_))
        ));
    }

    #[test]
    fn a_file_made_early_is_removed_unless_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        drop(NewFile::open(&path).unwrap());
        assert!(!path.exists());
        NewFile::open(&path).unwrap().finish(b"x").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(
            NewFile::open(&path),
            Err(SecretFileError::Exists(_))
        ));
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
        // Nor one that came in between.
        let late = folder.path().join("late");
        let begun = NewFile::open(&late).unwrap();
        assert!(!late.exists());
        std::fs::write(&late, b"y").unwrap();
        assert!(matches!(
            begun.finish(b"x"),
            Err(SecretFileError::Exists(_))
        ));
        assert_eq!(std::fs::read(&late).unwrap(), b"y");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        assert!(matches!(
            NewFile::open(&link),
            Err(SecretFileError::Exists(_))
        ));
    }

    #[test]
    fn others_may_not_read() {
        for mode in [0o604, 0o644, 0o666, 0o601] {
            let (_folder, path) = file(mode, b"x");
            let Err(error) = read_file(&path) else {
                panic!("{mode:o} was read")
            };
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        let (_folder, path) = file(0o640, b"x");
        assert!(read_file(&path).unwrap().warning.is_some());
        let (_folder, path) = file(0o400, b"x");
        assert!(read_file(&path).unwrap().warning.is_none());
    }

    #[test]
    fn what_is_no_file_is_named() {
        let (folder, path) = file(0o600, b"");
        assert!(matches!(read_file(&path), Err(SecretFileError::Empty(_))));
        assert!(matches!(
            read_file(folder.path()),
            Err(SecretFileError::NotAFile(_))
        ));
        assert!(matches!(
            read_file(&folder.path().join("no")),
            Err(SecretFileError::Missing(_))
        ));
    }
}
