//! A new state file: complete, flushed and locked before it is put in its place.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::gate::store::file::folder::temporary_name;
use crate::gate::store::file::format::{self, Entry};
use crate::gate::store::file::layout::Layout;
use crate::gate::store::file::medium::Medium;
use crate::gate::store::file::place::StateFile;
use crate::gate::store::moved::Moved;
use crate::gate::store::record::{Record, Seen};
use crate::os::files::owner::give_to;
use crate::os::files::paths::folder_of;

/// A complete new state file under a name of its own.
pub(super) struct Fresh {
    name: Temporary,
    pub file: File,
    pub entry: Entry,
}

/// A file name that is removed again; after a rename there is nothing left to remove.
struct Temporary(PathBuf);

impl Fresh {
    /// Where it lies until it is put in place.
    pub fn path(&self) -> &Path {
        &self.name.0
    }

    /// The file, once it is in its place; a name that is left is removed.
    pub fn in_place(self) -> (File, Entry) {
        (self.file, self.entry)
    }

    /// Writes and flushes both slots, and locks the file.
    pub fn write(
        place: &StateFile,
        record: Record,
        (shared, moved): (Option<Seen>, Option<Moved>),
        medium: &dyn Medium,
    ) -> io::Result<Self> {
        let name = Temporary(temporary_name(&place.path));
        // What lies under this name was left by a process of the same number that died in mid-write.
        match std::fs::remove_file(&name.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&name.0)?;
        // Whatever the umask says.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        keep_owner(&place.path, &file)?;
        let mut entry = Entry {
            chain_id: place.chain_id.clone(),
            public_key: place.public_key.clone(),
            record,
            provenance: medium.marks(&file)?.provenance,
            stamp: None,
            shared,
            moved,
            share: place.share,
        };
        let layout = Layout::of(place.public_key.key_type());
        let mut slot = Vec::with_capacity(layout.slot());
        for _ in 0..2 {
            entry.record.sequence = entry.record.sequence.saturating_add(1);
            entry.stamp = Some(medium.now());
            format::encode(&entry, &mut slot).map_err(io::Error::other)?;
            medium.write_at(
                &file,
                &slot,
                (entry.record.sequence % 2) * (layout.slot() as u64),
            )?;
        }
        medium.flush_all(&file)?;
        file.try_lock().map_err(io::Error::from)?;
        Ok(Self { name, file, entry })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Root works for the service's user: what root writes belongs to whom the old file, or the folder, belongs to.
fn keep_owner(path: &Path, file: &File) -> io::Result<()> {
    let model = std::fs::symlink_metadata(path).or_else(|_| std::fs::metadata(folder_of(path)))?;
    give_to(&model, file)
}
