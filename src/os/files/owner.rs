//! Whose files are that root makes.
//!
//! Root works for the user of a folder (`sudo tmkms init /home/kms`): what it makes there belongs to the one who owns the
//! folder, or the service could not read it afterwards. Only the owner of the folder counts, who can replace everything in
//! it anyway: in a folder of root, as `/tmp` is, everything stays root's.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, fchown};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::paths::folder_of;

/// Gives what root has just made in `folder` to the owner of that folder. Other users keep what they make. Where the system
/// does not let root give files away (NFS, a container without `CAP_CHOWN`), it stays root's.
pub fn give_to_owner_of(folder: &File, made: impl AsFd) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = folder.metadata()?;
    if owner.uid() == 0 {
        return Ok(());
    }
    match fchown(made, Some(owner.uid()), Some(owner.gid())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

/// Makes one private folder (mode 0700) in a folder that is there.
///
/// # Errors
/// What the system said; `AlreadyExists` where anything has this name.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    // By their descriptors: what has these names may be exchanged by the owner meanwhile, and a folder has no second name.
    let open = |path| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).map(File::from)
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    give_to_owner_of(&open(folder_of(path))?, made)
}

/// Makes a private folder and those above it that are missing.
///
/// # Errors
/// What the system said.
pub fn make_folders(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path);
    if above != path {
        make_folders(above)?;
    }
    match make_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match path.is_dir() {
            true => Ok(()),
            false => Err(Errno::NOTDIR.into()),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::files::replace::{Flush, Readers, create, replace};
    use std::os::unix::fs::chown;

    /// Some other user, of whom nothing is known.
    const USER: u32 = 4_321;

    #[test]
    fn what_root_makes_in_a_folder_belongs_to_the_owner_of_the_folder() {
        let home = tempfile::tempdir().unwrap();
        // Only root can give a folder away.
        if chown(home.path(), Some(USER), Some(USER)).is_err() {
            return;
        }
        let owner = |path: &Path| {
            let found = path.symlink_metadata().unwrap();
            (found.uid(), found.gid(), found.mode() & 0o7777)
        };
        let inner = home.path().join("a/b");
        make_folders(&inner).unwrap();
        assert_eq!(owner(&home.path().join("a")), (USER, USER, 0o700));
        assert_eq!(owner(&inner), (USER, USER, 0o700));
        create(&inner.join("key"), b"x", Readers::Owner).unwrap();
        replace(&inner.join("text"), b"x", Readers::Everyone, Flush::Passing).unwrap();
        assert_eq!(owner(&inner.join("key")), (USER, USER, 0o600));
        assert_eq!(owner(&inner.join("text")), (USER, USER, 0o644));
        // In a folder of root's everything is root's, whoever owned what was replaced.
        let roots = tempfile::tempdir().unwrap();
        let planted = roots.path().join("planted");
        std::fs::write(&planted, "x").unwrap();
        chown(&planted, Some(USER), Some(USER)).unwrap();
        replace(&planted, b"x", Readers::Owner, Flush::Passing).unwrap();
        make_folders(&roots.path().join("c/d")).unwrap();
        for path in [planted, roots.path().join("c/d")] {
            assert_eq!(owner(&path).0, 0, "{}", path.display());
        }
    }

    #[test]
    fn folders_are_made_once_and_nothing_else_is_taken_for_one() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/c");
        make_folders(&path).unwrap();
        make_folders(&path).unwrap();
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(make_folders(&file).is_err());
        assert!(make_folders(&file.join("below")).is_err());
        assert!(make_folder(&path).is_err());
    }
}
