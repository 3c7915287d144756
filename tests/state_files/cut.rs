//! A disk that ends in the middle of something.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tmkms::gate::store::file::medium::{FileSystem, Medium};

/// A disk on which the operation with number `fatal` is the last: of a write only `torn` bytes happen, and nothing
/// works afterwards.
pub struct Cut {
    pub done: Arc<AtomicUsize>,
    pub fatal: usize,
    pub torn: usize,
    pub error: fn() -> io::Error,
}

impl Cut {
    fn step(&self) -> io::Result<bool> {
        match self.done.fetch_add(1, Ordering::SeqCst) {
            now if now < self.fatal => Ok(true),
            now if now == self.fatal => Ok(false),
            _ => Err((self.error)()),
        }
    }

    fn whole<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.step()? {
            true => act(),
            false => Err((self.error)()),
        }
    }
}

impl Medium for Cut {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self.step()? {
            true => FileSystem.write_at(file, bytes, offset),
            false => {
                file.write_all_at(&bytes[..self.torn.min(bytes.len())], offset)?;
                Err((self.error)())
            }
        }
    }

    fn flush(&self, file: &File) -> io::Result<()> {
        self.whole(|| FileSystem.flush(file))
    }

    fn flush_all(&self, file: &File) -> io::Result<()> {
        self.whole(|| FileSystem.flush_all(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole(|| FileSystem.rename(from, to))
    }

    fn flush_folder(&self, folder: &File) -> io::Result<()> {
        self.whole(|| FileSystem.flush_folder(folder))
    }
}

pub fn no_space() -> io::Error {
    io::Error::from_raw_os_error(28)
}
