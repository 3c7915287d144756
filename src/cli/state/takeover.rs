//! Taking over another signer's state: the higher position counts, and the old file is kept beside the new one.

use std::path::{Path, PathBuf};

use crate::gate::foreign::{self, Foreign, Format};
use crate::gate::store::Origin;
use crate::gate::store::file::{FileStore, OpenError, Place, inspect};
use crate::gate::watermark::Watermark;
use crate::os::clock::{Clock, SystemClock};

use super::read_bounded;

/// What stands at the chain's own path before another signer's state is taken over. Holds the chain's locks where there
/// is a file of this program.
pub(in crate::cli) struct Current {
    /// What is used up; `None` where there is no file.
    pub watermark: Option<Watermark>,
    /// The file was copied or restored, so that `start` would not use it (W15).
    pub copied: bool,
    /// Another signer's file lies there and must be kept aside.
    pub foreign: bool,
    store: Option<FileStore>,
}

/// Why the chain's own state cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum LookError {
    /// The file.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is another signer's, and cannot be read either.
    #[error("{0}")]
    Foreign(String),
}

impl Current {
    /// Looks, and takes the chain's locks where there is a file of this program.
    pub fn look(place: &Place) -> Result<Self, LookError> {
        match FileStore::open_copied(place) {
            Ok(store) => Ok(Self {
                watermark: Some(store.used_up().into_watermark()),
                copied: matches!(inspect(place), Err(OpenError::Copied { .. })),
                foreign: false,
                store: Some(store),
            }),
            Err(OpenError::Missing { .. }) => Ok(Self {
                watermark: None,
                copied: false,
                foreign: false,
                store: None,
            }),
            Err(OpenError::Foreign { .. }) => {
                // It counts, too: the higher of the two is taken.
                let found = read_foreign(&place.path, None, place).map_err(LookError::Foreign)?;
                Ok(Self {
                    watermark: Some(found.watermark),
                    copied: false,
                    foreign: true,
                    store: None,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes it durable. Gives the name under which another signer's file was kept.
    pub fn write(self, place: &Place, watermark: &Watermark) -> Result<Option<PathBuf>, String> {
        let now = SystemClock.now().wall;
        match self.store {
            Some(store) => {
                // What is taken over as it is was reached when it was: the heights since then are allowed (W11).
                let reached = match self.watermark.as_ref() == Some(watermark) {
                    true => store.used_up().written(),
                    false => now,
                };
                store
                    .set(
                        watermark,
                        Origin::of_operator(self.watermark.as_ref()),
                        reached,
                    )
                    .map(|()| None)
                    .map_err(|error| error.to_string())
            }
            None if self.foreign => {
                let kept = keep_aside(&place.path)?;
                FileStore::replace_foreign(place, watermark, now)
                    .map_err(|error| error.to_string())?;
                Ok(Some(kept))
            }
            None => FileStore::create(place, watermark, now)
                .map(|()| None)
                .map_err(|error| error.to_string()),
        }
    }
}

/// Copies a foreign file to a new name beside it.
pub(in crate::cli) fn keep_aside(path: &Path) -> Result<PathBuf, String> {
    let failed = |error| format!("{} cannot be copied aside: {error}", path.display());
    for number in 0..1_000 {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(match number {
            0 => ".before-import".to_owned(),
            _ => format!(".before-import-{number}"),
        });
        let kept = path.with_file_name(name);
        match std::fs::hard_link(path, &kept) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
            Ok(()) => return Ok(kept),
        }
    }
    Err(format!(
        "{} has a thousand copies aside already; remove some",
        path.display()
    ))
}

/// Reads another signer's state file, or one of this program.
pub(in crate::cli) fn read_foreign(
    path: &Path,
    named: Option<Format>,
    place: &Place,
) -> Result<Foreign, String> {
    let bytes = read_bounded(path)?;
    foreign::read(&bytes, named, &place.chain_id, &place.public_key)
        .map_err(|error| format!("{} cannot be imported: {error}", path.display()))
}

/// A watermark in words.
pub(in crate::cli) fn shown(watermark: Option<&Watermark>) -> String {
    match watermark.map(Watermark::hrs) {
        None => "no state".to_owned(),
        Some(None) => "nothing signed yet".to_owned(),
        Some(Some(hrs)) => hrs.to_string(),
    }
}

/// The higher of the two. At equal positions the bytes are kept only if both know the same ones.
pub(in crate::cli) fn higher(current: Option<&Watermark>, other: &Watermark) -> Watermark {
    let Some(current) = current else {
        return other.clone();
    };
    match current.hrs().cmp(&other.hrs()) {
        std::cmp::Ordering::Less => other.clone(),
        std::cmp::Ordering::Greater => current.clone(),
        std::cmp::Ordering::Equal => match (current, other) {
            (Watermark::Message(one), Watermark::Message(two)) if one.bytes() != two.bytes() => {
                Watermark::UpTo(one.position().hrs)
            }
            (Watermark::Message(one), Watermark::Message(two)) if one.signature().is_none() => {
                Watermark::Message(two.clone())
            }
            (Watermark::Message(one), Watermark::Message(_)) => Watermark::Message(one.clone()),
            // What was signed there is not known to one of them, so nothing is signed there again.
            (Watermark::Message(last), _) | (_, Watermark::Message(last)) => {
                Watermark::UpTo(last.position().hrs)
            }
            _ => current.clone(),
        },
    }
}
