//! The one way to write a file: complete under its name, or not there at all, and never through a link that somebody
//! planted.
//!
//! The content goes into a file that nobody else can have: one without a name where the file system knows such
//! (`O_TMPFILE`), else one with a random name, made with `O_EXCL` and `O_NOFOLLOW`. Its mode is set on its descriptor, it
//! is flushed, and then it gets its name: over what is there ([`replace`]), or only if nothing is ([`create`]). The folder
//! is opened once and everything happens in it, so that it cannot be exchanged in between. A process that is killed leaves
//! the old file or none; a file without a name goes with its process, one with a random name may stay beside it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::owner;
use super::paths::folder_of;

/// Who may read a file, or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Its owner: 0600, a folder 0700.
    Owner,
    /// Everybody: 0644, a folder 0755.
    Everyone,
}

/// Whether a file must survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// It and its name are flushed before the call returns.
    Durable,
    /// Not flushed: it is made again at any time, and a flush would hold up the votes on the same disk.
    Passing,
}

/// The longest part of a file's name in the random one, in bytes: names have 255 at most.
const NAME: usize = 200;

/// Replaces a file, or makes it. A link at `path` is replaced, not followed. Its owner is this user; in another's folder
/// what root makes is that user's ([`super::owner`]).
///
/// Fails where the folder cannot be read and written, or the disk is full: then the old file is untouched.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers, flush: Flush) -> io::Result<()> {
    let mut draft = Draft::named(path, readers)?;
    draft.file.write_all(bytes)?;
    draft.put_over(flush)
}

/// Makes a new file and flushes it. Fails with `AlreadyExists` where anything has this name, a link to nowhere included.
pub fn create(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    Draft::new(path, readers)?.finish(bytes)
}

/// A new file that has not got its name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Draft {
    folder: File,
    name: OsString,
    file: File,
    /// What it is called until then, if it is called anything.
    temporary: Option<OsString>,
}

impl Draft {
    /// Begins one that will be put where nothing is. Fails with `AlreadyExists` where anything has this name already.
    pub fn new(path: &Path, readers: Readers) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(Errno::EXIST.into());
        }
        match Self::nameless(path, readers)? {
            Some(draft) => Ok(draft),
            None => Self::named(path, readers),
        }
    }

    /// `None` where the file system knows no files without a name, or there is no `/proc` through which to name one later.
    #[cfg(target_os = "linux")]
    fn nameless(path: &Path, readers: Readers) -> io::Result<Option<Self>> {
        let (folder, name) = place(path)?;
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(&folder, ".", flags, Mode::RUSR | Mode::WUSR) else {
            return Ok(None);
        };
        let file = File::from(file);
        if descriptor(&file).symlink_metadata().is_err() {
            return Ok(None);
        }
        set_readers(&file, readers)?;
        owner::give_to_owner_of(&folder, &file)?;
        Ok(Some(Self {
            folder,
            name,
            file,
            temporary: None,
        }))
    }

    #[cfg(not(target_os = "linux"))]
    fn nameless(_: &Path, _: Readers) -> io::Result<Option<Self>> {
        Ok(None)
    }

    fn named(path: &Path, readers: Readers) -> io::Result<Self> {
        let (folder, name) = place(path)?;
        let temporary = random_name(&name)?;
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, &temporary, flags, Mode::RUSR | Mode::WUSR)?;
        let draft = Self {
            folder,
            name,
            file: File::from(file),
            temporary: Some(temporary),
        };
        set_readers(&draft.file, readers)?;
        owner::give_to_owner_of(&draft.folder, &draft.file)?;
        Ok(draft)
    }

    /// The open file, to ask what it is on.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Takes room on the disk for a content of `length` bytes at most, so that there is some later: blanks, which mean nothing.
    pub fn reserve(&mut self, length: usize) -> io::Result<()> {
        self.file.write_all(&vec![b' '; length])?;
        self.file.sync_all()?;
        self.file.rewind()
    }

    /// Writes its content, flushes it and gives it its name, unless that is taken by now.
    pub fn finish(mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        // Of what was reserved nothing is left.
        self.file.set_len(bytes.len() as u64)?;
        self.file.sync_all()?;
        self.name_it()?;
        // From here on its own name is what would have to be removed.
        self.temporary = Some(self.name.clone());
        self.folder.sync_all()?;
        self.temporary = None;
        Ok(())
    }

    fn name_it(&self) -> io::Result<()> {
        match &self.temporary {
            None => rustix::fs::linkat(
                CWD,
                descriptor(&self.file),
                &self.folder,
                &self.name,
                AtFlags::SYMLINK_FOLLOW,
            )?,
            Some(temporary) => match self.rename_new(temporary) {
                Some(done) => done?,
                None => {
                    let (folder, none) = (&self.folder, AtFlags::empty());
                    rustix::fs::linkat(folder, temporary, folder, &self.name, none)?;
                    rustix::fs::unlinkat(folder, temporary, none)?;
                }
            },
        }
        Ok(())
    }

    /// `None` where the system or the file system cannot rename without replacing.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn rename_new(&self, temporary: &OsStr) -> Option<rustix::io::Result<()>> {
        use rustix::fs::{RenameFlags, renameat_with};
        let (folder, flags) = (&self.folder, RenameFlags::NOREPLACE);
        match renameat_with(folder, temporary, folder, &self.name, flags) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => None,
            other => Some(other),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    fn rename_new(&self, _: &OsStr) -> Option<rustix::io::Result<()>> {
        None
    }

    fn put_over(mut self, flush: Flush) -> io::Result<()> {
        let Some(temporary) = self.temporary.clone() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if flush == Flush::Durable {
            self.file.sync_all()?;
        }
        rustix::fs::renameat(&self.folder, &temporary, &self.folder, &self.name)?;
        self.temporary = None;
        match flush {
            Flush::Durable => self.folder.sync_all(),
            Flush::Passing => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(name) = &self.temporary {
            let _ = rustix::fs::unlinkat(&self.folder, name, AtFlags::empty());
        }
    }
}

fn place(path: &Path) -> io::Result<(File, OsString)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder_of(path), flags, Mode::empty())?;
    Ok((File::from(folder), name.to_owned()))
}

fn random_name(name: &OsStr) -> io::Result<OsString> {
    let mut random = [0; 8];
    getrandom::getrandom(&mut random).map_err(io::Error::other)?;
    let name = name.as_bytes();
    let mut bytes = b".".to_vec();
    bytes.extend_from_slice(name.get(..NAME).unwrap_or(name));
    bytes.extend_from_slice(format!(".{:016x}.new", u64::from_ne_bytes(random)).as_bytes());
    Ok(OsString::from_vec(bytes))
}

/// On the descriptor, so that it is this file whatever is called so by now, and whatever the umask says.
fn set_readers(file: &File, readers: Readers) -> io::Result<()> {
    let owner = Mode::RUSR | Mode::WUSR;
    let mode = match readers {
        Readers::Owner => owner,
        Readers::Everyone => owner | Mode::RGRP | Mode::ROTH,
    };
    Ok(rustix::fs::fchmod(file, mode)?)
}

fn descriptor(file: &File) -> std::path::PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    /// One without a name, and one with a random one as on file systems that know no other.
    fn drafts(path: &Path) -> Vec<Draft> {
        let named = Draft::named(path, Readers::Owner).unwrap();
        let nameless = Draft::nameless(path, Readers::Owner).unwrap();
        [Some(named), nameless].into_iter().flatten().collect()
    }

    #[test]
    fn what_is_replaced_is_the_name_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = (folder.path().join("a"), folder.path().join("key"));
        fs::write(&key, "secret").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&key, &path).unwrap();
        for flush in [Flush::Passing, Flush::Durable] {
            replace(&path, b"text", Readers::Everyone, flush).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"text");
            assert!(path.symlink_metadata().unwrap().is_file());
            assert_eq!((mode(&path), mode(&key)), (0o644, 0o600));
            assert_eq!(fs::read(&key).unwrap(), b"secret");
        }
        // A hard link to something else is left alone as well.
        fs::remove_file(&path).unwrap();
        fs::hard_link(&key, &path).unwrap();
        replace(&path, b"text", Readers::Everyone, Flush::Durable).unwrap();
        assert_eq!(
            (fs::read(&key).unwrap(), mode(&key)),
            (b"secret".to_vec(), 0o600)
        );
        assert_eq!(names(folder.path()), ["a", "key"]);
    }

    #[test]
    fn what_is_new_never_takes_a_name_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create(&path, b"x", Readers::Owner).unwrap();
        assert_eq!(mode(&path), 0o600);
        let taken = |result: io::Result<()>| {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        };
        taken(create(&path, b"y", Readers::Owner));
        let link = folder.path().join("b");
        symlink("nowhere", &link).unwrap();
        taken(create(&link, b"y", Readers::Owner));
        // Nor one that was taken in between.
        let late = folder.path().join("c");
        for draft in drafts(&late) {
            symlink(&path, &late).unwrap();
            taken(draft.finish(b"y"));
            fs::remove_file(&late).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), b"x");
        assert_eq!(names(folder.path()), ["a", "b"]);
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a".repeat(255));
        for draft in drafts(&path) {
            drop(draft);
            assert!(names(folder.path()).is_empty());
        }
        for draft in drafts(&path) {
            draft.finish(b"x").unwrap();
            assert_eq!(names(folder.path()), [path.file_name().unwrap()]);
            fs::remove_file(&path).unwrap();
        }
        for nowhere in ["/", "..", "no/such/file"] {
            assert!(create(Path::new(nowhere), b"", Readers::Owner).is_err());
        }
    }

    #[test]
    fn it_is_made_in_the_folder_that_was_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("here"), folder.path().join("there"));
        for made in 0..drafts(&folder.path().join("a")).len() {
            fs::create_dir(&here).unwrap();
            let draft = drafts(&here.join("a")).into_iter().nth(made).unwrap();
            fs::rename(&here, &there).unwrap();
            fs::create_dir(&here).unwrap();
            draft.finish(b"x").unwrap();
            assert!(names(&here).is_empty());
            assert_eq!(names(&there), ["a"]);
            fs::remove_dir(&here).unwrap();
            fs::remove_dir_all(&there).unwrap();
        }
    }
}
