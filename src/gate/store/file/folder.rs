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
    path.with_file_name(format!("{}{}.new", prefix(path), std::process::id()))
}

/// Removes what processes that died in mid-write left beside the state file. To be called by the holder of its locks.
pub(super) fn sweep(path: &Path) {
    let prefix = prefix(path);
    let Ok(entries) = std::fs::read_dir(folder_of(path)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let left = name
            .to_str()
            .and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(".new"))
            .is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
        if left {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn prefix(path: &Path) -> String {
    format!(
        ".{}.",
        path.file_name().unwrap_or_default().to_string_lossy()
    )
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
