//! A foreign state file as it was at one moment, so that a signer that still writes to it is noticed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle_encoding::hex;

/// The longest foreign state file that is read, in bytes.
pub const LONGEST: u64 = 64 * 1024;

/// What a file held, and the marks that change with every write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its bytes, at most [`LONGEST`].
    pub bytes: Vec<u8>,
    /// Device, inode, and the time of the last write in seconds and nanoseconds.
    marks: (u64, u64, i64, i64),
}

impl Reading {
    /// Reads a regular file; a link to one will do.
    ///
    /// # Errors
    /// What the system said; [`io::ErrorKind::InvalidInput`] for a folder, a pipe or the like.
    pub fn of(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            // A fifo must not hold anybody up.
            .custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0))
            .open(path)?;
        Self::of_file(&file)
    }

    fn of_file(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        if !meta.is_file() {
            let what = "it is not a regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes)?;
        Ok(Self {
            bytes,
            marks: (meta.dev(), meta.ino(), meta.mtime(), meta.mtime_nsec()),
        })
    }

    /// When it was written, since 1970-01-01 UTC.
    pub fn written(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.marks.2).unwrap_or(0))
    }

    /// The SHA-256 of its bytes in hexadecimal digits.
    pub fn digest(&self) -> String {
        let digits = hex::encode(Sha256::digest(&self.bytes));
        String::from_utf8(digits).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_noticed_even_where_the_bytes_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.json");
        std::fs::write(&path, "1").unwrap();
        let first = Reading::of(&path).unwrap();
        assert_eq!(Reading::of(&path).unwrap(), first);
        // As CometBFT does it: a new file in the place of the old one.
        let new = folder.path().join("new");
        std::fs::write(&new, "1").unwrap();
        std::fs::rename(&new, &path).unwrap();
        let second = Reading::of(&path).unwrap();
        assert_ne!(second, first);
        std::fs::write(&path, "2").unwrap();
        assert_ne!(Reading::of(&path).unwrap(), second);
        assert!(Reading::of(folder.path()).is_err());
    }
}
