//! The file of a bundle: read with care, because it comes from somewhere else, and written so that it is whole or not there.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::os::files::replace::{Draft, Readers};
use crate::os::files::strangers::{self, Exposed, Who};

use super::bundle::{Bundle, BundleError, LONGEST};

/// Why a file is not a bundle that can be taken in.
#[derive(Debug, thiserror::Error)]
pub enum BundleNotRead {
    /// Every user of the host could have put it there or changed it.
    #[error("the bundle {} is not safe: {exposed}, and copy it again", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// How, and the remedy.
        exposed: Exposed,
    },
    /// A symbolic link.
    #[error("{} is a symbolic link; name the bundle itself", .0.display())]
    Link(PathBuf),
    /// A folder, a pipe or the like.
    #[error("{} is not a regular file; name the file that `state move out` made", .0.display())]
    NotAFile(PathBuf),
    /// The system said no.
    #[error("{} cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What it holds.
    #[error("{} cannot be taken in: {why}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: BundleError,
    },
}

/// Reads it. The second value is what the operator should know of who else may write to it.
///
/// # Errors
/// [`BundleNotRead`].
pub fn read(path: &Path) -> Result<(Bundle, Option<Exposed>), BundleNotRead> {
    let exposed = |exposed| BundleNotRead::Exposed {
        path: path.to_owned(),
        exposed,
    };
    let io = |source| BundleNotRead::Io {
        path: path.to_owned(),
        source,
    };
    let around = strangers::around(path).map_err(exposed)?;
    if path.symlink_metadata().map_err(io)?.is_symlink() {
        return Err(BundleNotRead::Link(path.to_owned()));
    }
    // Neither a link that is put there now nor a fifo holds anybody up.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)
        .map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    if !meta.is_file() {
        return Err(BundleNotRead::NotAFile(path.to_owned()));
    }
    let who = strangers::of_file(path, &meta);
    if let Some(found) = who.as_ref().filter(|found| found.who == Who::Everyone) {
        return Err(exposed(found.clone()));
    }
    let mut bytes = Vec::new();
    // One byte more than it may have.
    let most = LONGEST as u64 + 1;
    file.take(most).read_to_end(&mut bytes).map_err(io)?;
    let bundle = Bundle::parse(&bytes).map_err(|why| BundleNotRead::Content {
        path: path.to_owned(),
        why,
    })?;
    Ok((bundle, who.or(around)))
}

/// Why a bundle cannot be written there.
#[derive(Debug, thiserror::Error)]
pub enum BundleNotWritten {
    /// Every user of the host could put another in its place.
    #[error("a bundle at {} would not be safe: {exposed}, or name a file in another folder", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// How, and the remedy.
        exposed: Exposed,
    },
    /// Something has this name.
    #[error("{} is there already and is never overwritten; name another file", .0.display())]
    Exists(PathBuf),
    /// The system said no.
    #[error("the bundle {} cannot be made: {source}; name a file in a folder of yours with room on its disk", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A bundle's file before its chain is sealed: it has room on the disk and no name yet. Dropped, it is gone.
pub struct Reserved {
    draft: Draft,
    path: PathBuf,
}

impl Reserved {
    /// Takes room for a bundle.
    ///
    /// # Errors
    /// [`BundleNotWritten`]; then nothing was written.
    pub fn at(path: &Path) -> Result<Self, BundleNotWritten> {
        strangers::around(path).map_err(|exposed| BundleNotWritten::Exposed {
            path: path.to_owned(),
            exposed,
        })?;
        let mut draft =
            Draft::new(path, Readers::Owner).map_err(|error| BundleNotWritten::of(path, error))?;
        draft
            .reserve(LONGEST)
            .map_err(|error| BundleNotWritten::of(path, error))?;
        Ok(Self {
            draft,
            path: path.to_owned(),
        })
    }

    /// Writes the bundle, flushes it and gives it its name.
    ///
    /// # Errors
    /// [`BundleNotWritten`]. The chain is sealed by then, and its bundle can be written again.
    pub fn write(self, text: &str) -> Result<(), BundleNotWritten> {
        let Self { draft, path } = self;
        draft
            .finish(text.as_bytes())
            .map_err(|error| BundleNotWritten::of(&path, error))
    }
}

impl BundleNotWritten {
    fn of(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists(path.to_owned()),
            _ => Self::Io {
                path: path.to_owned(),
                source,
            },
        }
    }
}
