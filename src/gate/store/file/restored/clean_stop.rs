//! The mark of a clean stop beside a state file: its record, the last that was written, is so and so (W15).
//!
//! Owner, mode and name of a state file are changed for good reasons while nothing runs, and such a change is known from
//! a restored backup by nothing but its time. So who stops cleanly leaves a small file beside it that names its record,
//! and that record is armed all the same.
//!
//! An old mark that is restored together with an old state must not help. So a mark names its own place (inode, birth
//! time, file system), which no restored file gets again; and the state is moved to a new file whenever it is armed,
//! which leaves every record that a mark ever named in a file that is gone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle_encoding::hex;

use crate::os::files::filesystem::Marks;
use crate::os::files::owner::give_to;
use crate::os::files::paths::folder_of;
use crate::os::files::replace::{Draft, Readers};

use crate::gate::store::file::format::{self, Entry, SLOT};
use crate::gate::store::file::medium::Medium;

/// What the name of a mark adds to that of the state file.
const END: &str = ".stopped";

/// The longest mark that is read, in bytes.
const LONGEST: u64 = 4096;

#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    format: u32,
    /// Of the last record, and the SHA-256 of its slot.
    sequence: u64,
    record: String,
    /// Of this file.
    inode: u64,
    birth: (i64, u32),
    filesystem: Option<String>,
}

impl Mark {
    /// `None` where the file system gives no birth times: there a restored file can have the place of the old one.
    fn of(entry: &Entry, own: &Marks) -> Option<Self> {
        let mut slot = Vec::with_capacity(SLOT);
        format::encode(entry, &mut slot).ok()?;
        let sum = hex::encode(Sha256::digest(&slot));
        Some(Self {
            format: 1,
            sequence: entry.record.sequence,
            record: String::from_utf8(sum).ok()?,
            inode: own.provenance.inode,
            birth: own.provenance.birth?,
            filesystem: own.provenance.filesystem.map(|id| format!("{id:016x}")),
        })
    }
}

/// Where the mark of a state file lies.
pub fn path_of(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(END);
    state.with_file_name(name)
}

/// The mark that names this record, if there is one. The state file may have been renamed without it, so any mark in its
/// folder will do.
pub(in crate::gate::store::file) fn find(
    state: &Path,
    entry: &Entry,
    medium: &dyn Medium,
) -> Option<PathBuf> {
    let usual = path_of(state);
    if names(&usual, entry, medium) {
        return Some(usual);
    }
    let entries = std::fs::read_dir(folder_of(state)).ok()?.flatten();
    entries.map(|found| found.path()).find(|path| {
        let is_mark = path.to_string_lossy().ends_with(END);
        is_mark && names(path, entry, medium)
    })
}

/// Whether a mark names this record and its own place. What cannot be read is none.
fn names(mark: &Path, entry: &Entry, medium: &dyn Medium) -> bool {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(mark);
    let Ok(file) = opened else {
        return false;
    };
    let Ok(own) = medium.marks(&file) else {
        return false;
    };
    let mut text = Vec::new();
    if own.links != 1 || file.take(LONGEST).read_to_end(&mut text).is_err() {
        return false;
    }
    let found = serde_json::from_slice::<Mark>(&text).ok();
    found.is_some() && found == Mark::of(entry, &own)
}

/// Leaves the mark, flushed, in the place of an older one.
pub(in crate::gate::store::file) fn leave(
    state: &Path,
    entry: &Entry,
    medium: &dyn Medium,
) -> io::Result<()> {
    remove(&path_of(state))?;
    let draft = Draft::new(&path_of(state), Readers::Owner)?;
    let Some(mark) = Mark::of(entry, &medium.marks(draft.file())?) else {
        return Ok(());
    };
    // Anyone who reads the state reads its mark.
    give_to(&std::fs::symlink_metadata(state)?, draft.file())?;
    let mut text = serde_json::to_vec(&mark)?;
    text.push(b'\n');
    draft.finish(&text)
}

/// Removes, durably, what names this record, and whatever lies where the mark of the state file would.
pub(in crate::gate::store::file) fn forget(
    state: &Path,
    entry: &Entry,
    medium: &dyn Medium,
) -> io::Result<()> {
    if let Some(mark) = find(state, entry, medium) {
        remove(&mark)?;
    }
    remove(&path_of(state))
}

fn remove(mark: &Path) -> io::Result<()> {
    match std::fs::remove_file(mark) {
        Ok(()) => File::open(folder_of(mark))?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
