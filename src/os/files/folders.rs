//! Folders that are made, each for the owner of the one above it.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::owner::give_to_owner_of;
use super::paths::folder_of;
use super::replace::Readers;

/// Makes one folder in a folder that is there, with mode 0700 for its owner alone, 0755 for everyone, whatever the umask says.
///
/// # Errors
/// What the system said; `AlreadyExists` where anything has this name.
pub fn make_folder(path: &Path, readers: Readers) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    // By their descriptors: what has these names may be exchanged by the owner meanwhile, and a folder has no second name.
    let open = |path| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).map(File::from)
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if readers == Readers::Everyone {
        rustix::fs::fchmod(&made, Mode::from_raw_mode(0o755))?;
    }
    give_to_owner_of(&open(folder_of(path))?, made)
}

/// Makes a folder as [`make_folder`] does, and those above it that are missing.
///
/// # Errors
/// What the system said.
pub fn make_folders(path: &Path, readers: Readers) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path);
    if above != path {
        make_folders(above, readers)?;
    }
    match make_folder(path, readers) {
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
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn folders_are_as_open_as_they_were_asked_for() {
        let home = tempfile::tempdir().unwrap();
        for (name, readers, wanted) in [
            ("private/a", Readers::Owner, 0o700),
            ("open/a", Readers::Everyone, 0o755),
        ] {
            let path = home.path().join(name);
            make_folders(&path, readers).unwrap();
            for path in [folder_of(&path), &path] {
                let mode = path.symlink_metadata().unwrap().mode() & 0o7777;
                assert_eq!(mode, wanted, "{}", path.display());
            }
        }
    }

    #[test]
    fn folders_are_made_once_and_nothing_else_is_taken_for_one() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/c");
        make_folders(&path, Readers::Owner).unwrap();
        make_folders(&path, Readers::Everyone).unwrap();
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(make_folders(&file, Readers::Owner).is_err());
        assert!(make_folders(&file.join("below"), Readers::Owner).is_err());
        assert!(make_folder(&path, Readers::Owner).is_err());
    }
}
