//! Whose files are that root makes.
//!
//! Root works for the user of a folder (`sudo tmkms init /home/kms`): what it makes there belongs to the one who owns the
//! folder, or the service could not read it afterwards. Only the owner of the folder counts, who can replace everything in
//! it anyway: in a folder of root, as `/tmp` is, everything stays root's.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, fchown};

/// Gives what root has just made to the owner and group of another file or folder. Other users keep what they make. Where the
/// system does not let root give it away, it stays root's.
///
/// # Errors
/// What else the system said.
pub fn give_to(owner: &Metadata, made: impl AsFd) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    match fchown(made, Some(owner.uid()), Some(owner.gid())) {
        Err(error) if stays(&error) => Ok(()),
        other => other,
    }
}

/// Whether root may not give files away here, or not to this user. Not allowed: NFS, a container without `CAP_CHOWN`. Invalid:
/// a user namespace that knows no such user.
fn stays(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput
    )
}

/// Gives what root has just made in `folder` to the owner of that folder, unless that is root.
///
/// # Errors
/// As [`give_to`].
pub fn give_to_owner_of(folder: &File, made: impl AsFd) -> io::Result<()> {
    let owner = folder.metadata()?;
    match owner.uid() {
        0 => Ok(()),
        _ => give_to(&owner, made),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::files::folders::make_folders;
    use crate::os::files::replace::{Flush, Readers, create, replace};
    use rustix::io::Errno;
    use std::os::unix::fs::chown;
    use std::path::Path;

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
        make_folders(&inner, Readers::Owner).unwrap();
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
        make_folders(&roots.path().join("c/d"), Readers::Owner).unwrap();
        for path in [planted, roots.path().join("c/d")] {
            assert_eq!(owner(&path).0, 0, "{}", path.display());
        }
    }

    #[test]
    fn what_root_may_not_give_away_stays_its_own() {
        for (error, wanted) in [
            (Errno::PERM, true),
            (Errno::ACCESS, true),
            (Errno::INVAL, true),
            (Errno::IO, false),
            (Errno::ROFS, false),
            (Errno::DQUOT, false),
        ] {
            assert_eq!(stays(&error.into()), wanted, "{error}");
        }
    }
}
