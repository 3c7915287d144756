//! The operations that decide whether a watermark survives a power cut, and what the file system says of a file, behind
//! a seam, so that tests can let each of them fail or be the last thing that ever happened, and play other file systems.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use crate::os::clock::{Clock, SystemClock};
use crate::os::files::filesystem::Marks;

/// Writing and flushing.
pub trait Medium: Send {
    /// What the file system says of a file.
    fn marks(&self, file: &File) -> io::Result<Marks> {
        Marks::of(file)
    }
    /// The clock from which it gives files their times: the wall clock, since 1970-01-01 UTC.
    fn now(&self) -> Duration {
        SystemClock.now().wall
    }
    /// Writes all bytes at an offset.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Flushes a file's content.
    fn flush(&self, file: &File) -> io::Result<()>;
    /// Flushes a new file's content and everything about it.
    fn flush_all(&self, file: &File) -> io::Result<()>;
    /// Puts `from` in the place of `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Flushes a folder's entries.
    fn flush_folder(&self, folder: &File) -> io::Result<()>;
}

/// The file system itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

impl Medium for FileSystem {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn flush(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn flush_all(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn flush_folder(&self, folder: &File) -> io::Result<()> {
        folder.sync_all()
    }
}
