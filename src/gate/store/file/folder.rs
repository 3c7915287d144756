//! The folder of a state file: made durably, and swept of what a killed process left.

use std::io;
use std::path::{Path, PathBuf};

use crate::os::files::folders::make_folder;
use crate::os::files::paths::folder_of;
use crate::os::files::replace::Readers;

/// Makes the folder and those above it, each with its entry flushed (W3).
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    create_folder(above)?;
    match make_folder(folder, Readers::Owner) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    std::fs::File::open(above)?.sync_all()
}

/// The name under which a new state file is written before it is put in its place.
pub(super) fn temporary_name(path: &Path) -> PathBuf {
    let (name, process) = (path.file_name().unwrap_or_default(), std::process::id());
    path.with_file_name(format!(".{}.{process}.new", name.to_string_lossy()))
}

/// The name of the state file that a process was about to put in its place when it had written this file; `None` for any
/// other file. Nothing was ever signed by what such a file says.
pub fn meant_for(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    let (meant, process) = name
        .strip_prefix('.')?
        .strip_suffix(".new")?
        .rsplit_once('.')?;
    let is_number = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| meant.to_owned())
}

/// Removes what processes that died in mid-write left beside the state file. To be called by the holder of its locks.
pub(super) fn sweep(path: &Path) {
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    let Ok(entries) = std::fs::read_dir(folder_of(path)) else {
        return;
    };
    for left in entries.flatten().map(|entry| entry.path()) {
        if meant_for(&left).as_deref() == Some(&*own) {
            let _ = std::fs::remove_file(left);
        }
    }
}

/// What the system said, and what to do about the usual ones.
pub(super) fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("{error}: make room on this disk; the service tries again by itself")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!(
                "{error}: look at the disk (`dmesg`) and mount it writable; the service tries again by itself"
            )
        }
        _ => format!("{error}: look at the disk (`dmesg`); the service tries again by itself"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_before_it_is_put_in_its_place_is_known_by_its_name() {
        for name in ["state.json", "a.b-1.json", ".hidden", "state.json.new"] {
            let temporary = temporary_name(&Path::new("/folder").join(name));
            assert_eq!(meant_for(&temporary).as_deref(), Some(name));
        }
        for other in [
            "state.json",
            "state.json.7.new",
            ".state.json.new",
            ".state.json..new",
            ".state.json.7a.new",
            ".state.json.-7.new",
            ".state.json.7.new.bak",
            // One of `os::files::replace`.
            ".state.json.00f3a1c2d4e5b697.new",
        ] {
            assert_eq!(meant_for(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn only_what_was_meant_for_this_state_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let left = [".c-1.json.7.new", ".c-1.json.4294967296.new"];
        let stays = [
            "c-1.json",
            ".c-1.json.x.new",
            ".c-10.json.7.new",
            ".b.c-1.json.7.new",
        ];
        for name in left.iter().chain(&stays) {
            std::fs::write(path(name), "").unwrap();
        }
        sweep(&path("c-1.json"));
        assert!(left.iter().all(|name| !path(name).exists()));
        assert!(stays.iter().all(|name| path(name).exists()));
    }
}
