//! What is left in the place of another signer's state file that was taken over, and whether it still stands (W20).
//!
//! A signer that runs keeps its state in memory and puts it back with its next signature, so a text in the place of its
//! file stops it only at its next start. A list beside our own state file therefore says what was taken over from where,
//! and the places are looked at once more before the chain is armed.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::consensus::{Height, Hrs, Round, Step};
use crate::gate::store::file::{StateFile, create_folder};
use crate::os::files::paths::{absolute, folder_of, same_file};
use crate::os::files::replace::{Flush, Readers, replace};

use super::foreign;
use super::foreign::reading::Reading;

/// How the text begins that lies in the place of a file that was taken over.
const TOMBSTONE: &str = "This state was taken over by tmkms";
/// The most files that are remembered for one chain; the oldest are forgotten first.
const MOST: usize = 32;
const FORMAT: u32 = 1;

/// A state file of another signer, as it was when it was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    /// Where that signer keeps it.
    pub path: PathBuf,
    /// The height that it said.
    pub height: i64,
    /// The round.
    pub round: i32,
    /// The step, 1 to 3.
    pub step: u8,
    /// The SHA-256 of its bytes.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    format: u32,
    chain_id: String,
    taken_over: Vec<Fence>,
}

/// Why a chain is not armed although its own state is well. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// The other signer signed after the take-over.
    #[error(
        "the old signer's state file {}, which was taken over at {taken}, now says {found}: that signer still runs and \
         signs with this key. Stop it for good, then take its state over again with `{command}`", path.display()
    )]
    Moved {
        /// The file.
        path: PathBuf,
        /// What it said.
        taken: Hrs,
        /// What it says.
        found: Hrs,
        /// The remedy.
        command: String,
    },
    /// The list cannot be read.
    #[error(
        "the list {} of state files that were taken over cannot be read: {why}; make sure that no other signer has this \
         key, then remove the list", path.display()
    )]
    List {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// What lies in the place of a file that was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// Nothing that a signer of this chain and key could go on from.
    Stands,
    /// What was taken over, or what is below it: somebody put it back.
    Restored(Hrs),
    /// More than what was taken over.
    Moved(Hrs),
}

impl Fence {
    /// Remembers what a file said.
    pub fn of(path: &Path, said: Hrs, reading: &Reading) -> Self {
        Self {
            path: absolute(path),
            height: said.height.get(),
            round: said.round.get(),
            step: said.step.number(),
            sha256: reading.digest(),
        }
    }

    fn taken(&self) -> Option<Hrs> {
        Some(Hrs {
            height: Height::new(self.height)?,
            round: Round::new(self.round)?,
            step: Step::from_number(self.step)?,
        })
    }

    fn judge(&self, taken: Hrs, now: &Reading, place: &StateFile) -> Standing {
        if is_tombstone(&now.bytes) {
            return Standing::Stands;
        }
        let found = match foreign::read(&now.bytes, None, &place.chain_id, &place.public_key) {
            Ok(found) => found.watermark.hrs(),
            // Of another key or chain, never signed, or nothing that a signer can read.
            Err(_) => None,
        };
        match found {
            None => Standing::Stands,
            Some(found) if now.digest() == self.sha256 || found < taken => {
                Standing::Restored(found)
            }
            Some(found) => Standing::Moved(found),
        }
    }
}

/// Whether these bytes are what a take-over left.
pub fn is_tombstone(bytes: &[u8]) -> bool {
    bytes.starts_with(TOMBSTONE.as_bytes())
}

/// Whether the old signer's file at this path was taken over before.
pub fn is_tombstone_at(path: &Path) -> bool {
    Reading::of(path).is_ok_and(|reading| is_tombstone(&reading.bytes))
}

/// What the text says that a take-over left at this path ([`of_tombstone`]), where one lies there.
pub fn left_at(path: &Path) -> Option<(String, PathBuf)> {
    Reading::of(path)
        .ok()
        .and_then(|reading| of_tombstone(&reading.bytes))
}

/// The text to leave in the place of a file that is kept as `kept`. No signer can parse it.
pub fn tombstone(place: &StateFile, kept: &Path, back: &str) -> String {
    format!(
        "{TOMBSTONE} for chain {} and is kept in {}.\nThe file that lay here is now {}.\n\
         Two signers for one key are a double sign in waiting. The way back: {back}\n",
        place.chain_id,
        absolute(&place.path).display(),
        absolute(kept).display()
    )
}

/// The chain that a text of [`tombstone`] names, and where it says that the old file is kept.
pub fn of_tombstone(bytes: &[u8]) -> Option<(String, PathBuf)> {
    let text = str::from_utf8(bytes).ok()?;
    let rest = text.strip_prefix(TOMBSTONE)?.strip_prefix(" for chain ")?;
    let (chain, rest) = rest.split_once(" and is kept in ")?;
    let (_, rest) = rest.split_once("\nThe file that lay here is now ")?;
    let (kept, _) = rest.split_once(".\n")?;
    Some((chain.to_owned(), PathBuf::from(kept)))
}

/// Where the list of a state file lies.
pub fn list_of(state_file: &Path) -> PathBuf {
    let mut name = state_file.file_name().unwrap_or_default().to_owned();
    name.push(".taken-over");
    state_file.with_file_name(name)
}

/// Adds to the list beside the state file, durably.
///
/// # Errors
/// What cannot be read or written, in words.
pub fn remember(place: &StateFile, new: Vec<Fence>) -> Result<(), String> {
    if new.is_empty() {
        return Ok(());
    }
    let path = list_of(&place.path);
    let mut fences = read(place).map_err(|error| error.to_string())?;
    fences.retain(|old| !new.iter().any(|new| new.path == old.path));
    fences.extend(new);
    let forgotten = fences.len().saturating_sub(MOST);
    fences.drain(..forgotten);
    let list = List {
        format: FORMAT,
        chain_id: place.chain_id.to_string(),
        taken_over: fences,
    };
    let failed =
        |why: &dyn std::fmt::Display| format!("{} cannot be written: {why}", path.display());
    let text = serde_json::to_string_pretty(&list).map_err(|error| failed(&error))?;
    let text = format!("{text}\n");
    create_folder(folder_of(&path))
        .and_then(|()| replace(&path, text.as_bytes(), Readers::Everyone, Flush::Durable))
        .map_err(|error| failed(&error))
}

/// Whether the state at `place` took over what lay at this path. Another state, or that of another host, leaves the same text.
pub fn is_listed(place: &StateFile, path: &Path) -> bool {
    let fences = read(place).unwrap_or_default();
    fences.iter().any(|fence| same_file(&fence.path, path))
}

/// Looks at every place once more. The texts are for the operator; none of them forbids to sign.
///
/// # Errors
/// Why the chain must not be armed.
pub fn compare(place: &StateFile) -> Result<Vec<String>, FenceError> {
    let mut warnings = Vec::new();
    for fence in read(place)? {
        let shown = fence.path.display();
        let now = match Reading::of(&fence.path) {
            Ok(now) => now,
            // Without any file the old signer does not know where it was; anyone who removed it knows that it is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                warnings.push(format!(
                    "whether the old signer still writes to {shown} cannot be seen ({error}); be sure that it is stopped \
                     for good"
                ));
                continue;
            }
        };
        let taken = fence.taken().ok_or_else(|| FenceError::List {
            path: list_of(&place.path),
            why: "a position in it is impossible".to_owned(),
        })?;
        let command = place.commands.import(&place.chain_id, &fence.path);
        match fence.judge(taken, &now, place) {
            Standing::Stands => {}
            Standing::Restored(found) => warnings.push(format!(
                "the old signer's state {shown} lies there again ({found}, taken over at {taken}), so the old signer could \
                 start; remove its key, or take the state over again with `{command}`"
            )),
            Standing::Moved(found) => {
                return Err(FenceError::Moved {
                    path: fence.path.clone(),
                    taken,
                    found,
                    command: command.to_string(),
                });
            }
        }
    }
    Ok(warnings)
}

fn read(place: &StateFile) -> Result<Vec<Fence>, FenceError> {
    let path = list_of(&place.path);
    let wrong = |why: &dyn std::fmt::Display| FenceError::List {
        path: path.clone(),
        why: why.to_string(),
    };
    let bytes = match Reading::of(&path) {
        Ok(reading) => reading.bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(&error)),
    };
    let list: List = serde_json::from_slice(&bytes).map_err(|error| wrong(&error))?;
    if list.format != FORMAT {
        return Err(wrong(&"it was written by a newer tmkms"));
    }
    // A state file that changed its chain keeps nothing of the old one.
    match list.chain_id == place.chain_id.as_str() {
        true => Ok(list.taken_over),
        false => Ok(Vec::new()),
    }
}
