//! A state file where there was none of this program: begun, or put in the place of another signer's.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crate::gate::store::interface::Store;
use crate::gate::store::moved::Moved;
use crate::gate::store::record::{Origin, Record};
use crate::gate::watermark::Watermark;
use crate::os::files::filesystem;
use crate::os::files::paths::folder_of;

use crate::gate::store::file::error::OpenError;
use crate::gate::store::file::file_store::FileStore;
use crate::gate::store::file::folder::{create_folder, sweep};
use crate::gate::store::file::layout::Layout;
use crate::gate::store::file::medium::{FileSystem, Medium};
use crate::gate::store::file::open::locks;
use crate::gate::store::file::place::StateFile;
use crate::gate::store::file::restored::familiar::Familiar;

use super::fresh::Fresh;

impl FileStore {
    /// Makes a state file where there is none. Never overwrites.
    pub fn create(
        place: &StateFile,
        watermark: &Watermark,
        now: Duration,
    ) -> Result<(), OpenError> {
        Self::create_on(place, watermark, now, Box::new(FileSystem))
    }

    /// [`FileStore::create`] with another way to write, for tests.
    pub fn create_on(
        place: &StateFile,
        watermark: &Watermark,
        now: Duration,
        medium: Box<dyn Medium>,
    ) -> Result<(), OpenError> {
        Self::install(place, (Self::begun(watermark, now), None), medium, false)
    }

    /// Puts a new state file in the place of another signer's, which the caller has read, shown and copied away.
    pub fn replace_foreign(
        place: &StateFile,
        watermark: &Watermark,
        now: Duration,
    ) -> Result<(), OpenError> {
        let medium = Box::new(FileSystem);
        Self::install(place, (Self::begun(watermark, now), None), medium, true)
    }

    /// Makes a state file, where there is none, for a chain that another host handed over: armed and its move remembered at
    /// once. `reached` is the wall time when the watermark was. Never overwrites.
    pub fn create_moved(
        place: &StateFile,
        watermark: &Watermark,
        reached: Duration,
        moved: Moved,
        medium: Box<dyn Medium>,
    ) -> Result<(), OpenError> {
        let record = Record {
            origin: Origin::of_operator(Some(watermark)),
            ..Self::begun(watermark, reached)
        };
        Self::install(place, (record, Some(moved)), medium, false)
    }

    fn begun(watermark: &Watermark, now: Duration) -> Record {
        Record {
            sequence: 1,
            watermark: watermark.clone(),
            origin: Origin::Begun,
            written: now,
        }
    }

    fn install(
        place: &StateFile,
        (record, moved): (Record, Option<Moved>),
        medium: Box<dyn Medium>,
        replace: bool,
    ) -> Result<(), OpenError> {
        let path = &place.path;
        let io = |doing| {
            move |source| OpenError::Io {
                path: path.clone(),
                doing,
                source,
            }
        };
        let folder = folder_of(path);
        create_folder(folder).map_err(io("creating its folder"))?;
        locks::safe_folder(path)?;
        let pair = locks::lock_pair(place)?;
        sweep(path);
        // Another signer's file may be locked by that signer.
        let _old = replace.then(|| locks::locked(place, true)).transpose()?;
        let fresh =
            Fresh::write(place, record, (None, moved), &*medium).map_err(io("writing it"))?;
        if !place.allow_ephemeral
            && let Some(kind) =
                filesystem::ephemeral(&fresh.file).map_err(io("asking for its file system"))?
        {
            return Err(OpenError::Ephemeral {
                path: path.clone(),
                kind,
            });
        }
        if replace {
            std::fs::rename(fresh.path(), path).map_err(io("putting it in place"))?;
        } else {
            // A hard link fails where a name exists already; a rename would replace it.
            std::fs::hard_link(fresh.path(), path).map_err(io("putting it in place"))?;
        }
        let (file, entry) = fresh.in_place();
        let folder = File::open(folder).map_err(io("opening its folder"))?;
        folder.sync_all().map_err(io("flushing its folder"))?;
        let meta = file.metadata().map_err(io("asking for its inode"))?;
        let mut store = Self {
            place: place.clone(),
            file,
            folder,
            named: (meta.dev(), meta.ino()),
            entry,
            damage: None,
            familiar: Familiar::Times,
            failed: None,
            closed: false,
            medium,
            slot: Vec::with_capacity(Layout::of(place.public_key.key_type()).slot()),
            pair,
        };
        // Its names were changes, too.
        store
            .write_stamped()
            .map_err(|why| io("writing it")(std::io::Error::other(why)))?;
        // Without its mark a change of owner or mode needs a take-over, and no more than that.
        let _ = store.close();
        Ok(())
    }
}
