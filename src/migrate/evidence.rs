//! What speaks against a watermark, said by hand or taken from a file: states of this chain and key that lie nearby and
//! say more (W20).
//!
//! Looked at are the folder of the state file, the places where an older program kept the state, a node's state beside the
//! key, what an old key file says of itself, what take-overs kept, and the copies beside a file that is taken over. All of
//! it is bounded in size and number.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::config::{ChainConfig, Config};
use crate::consensus::{Height, Hrs};
use crate::gate::store::file::{StateFile, meant_for};
use crate::gate::watermark::Watermark;
use crate::os::files::paths::{absolute, folder_of, same_file};
use crate::remedy::CommandLine;

use super::fence;
use super::foreign::reading::Reading;
use super::foreign::{self, LONGEST};
use super::kept::before_it_was_kept;

/// How many files of a folder are looked at.
const MOST: usize = 1_000;

/// A file that says that more was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The file.
    pub path: PathBuf,
    /// What it says was signed.
    pub said: Hrs,
    /// Whether it is the key file itself, which no command can take over.
    pub in_key: bool,
}

/// Where to look.
#[derive(Clone, Copy)]
pub struct Nearby<'a> {
    /// The chain.
    pub chain: &'a ChainConfig,
    /// Whose state it is, and where it lies.
    pub place: &'a StateFile,
    /// The files that hold the key.
    pub keys: &'a [&'a Path],
    /// The files that are taken over; anyone who does so has read them.
    pub taken: &'a [PathBuf],
    /// The configuration, for the files of its other chains.
    pub config: &'a Config,
    /// The files of other chains that it does not name.
    pub others: &'a [PathBuf],
}

impl Nearby<'_> {
    /// Looks for what is above `claimed`; the highest of it.
    pub fn against(&self, claimed: Option<&Watermark>) -> Option<Evidence> {
        let claimed = claimed.and_then(Watermark::hrs);
        let mut found: Vec<Evidence> = self
            .places()
            .into_iter()
            .filter(|path| !self.taken.iter().any(|taken| same_file(path, taken)))
            .filter_map(|path| of_state(path, self.place))
            .collect();
        found.extend(self.keys.iter().filter_map(|key| of_key(key)));
        found.retain(|one| Some(one.said) > claimed);
        found.into_iter().max_by_key(|one| one.said)
    }

    fn places(&self) -> BTreeSet<PathBuf> {
        let own = &self.place.path;
        // `c-1.json.bak` belongs to whom `c-1.json` belongs to.
        let others: Vec<&Path> = self.of_others().collect();
        let of_other = |file: &Path| others.iter().any(|other| is_copy(file, other));
        let mut found = BTreeSet::new();
        // Of these a kept copy counts, too.
        for path in self.named() {
            found.extend(files(folder_of(&path)).into_iter().filter(|file| {
                before_it_was_kept(file).as_ref() == Some(&path) || (*file == path && path != *own)
            }));
        }
        for path in self.taken {
            let path = absolute(path);
            let path = before_it_was_kept(&path).unwrap_or(path);
            let beside = files(folder_of(&path)).into_iter();
            found.extend(beside.filter(|file| is_copy(file, &path) && !same_file(file, own)));
        }
        let beside = files(folder_of(own)).into_iter();
        found.extend(beside.filter(|file| !of_other(file) && !same_file(file, own)));
        found
    }

    /// Where a state of this chain and key would lie.
    fn named(&self) -> Vec<PathBuf> {
        let mut named: Vec<PathBuf> = self.chain.older_state_files.clone();
        named.push(self.place.path.clone());
        // A key that signed for this chain before has its state where it had its turn then.
        let places = self.chain.state_places.iter();
        named.extend(places.map(|place| place.of(&self.place.public_key)));
        for key in self.keys {
            let real = std::fs::canonicalize(key).unwrap_or_else(|_| key.to_path_buf());
            for key in [key.to_path_buf(), real] {
                let key = absolute(&key);
                if let Some(folder) = key.parent() {
                    named.push(folder.join("priv_validator_state.json"));
                    if let Some(home) = folder.parent() {
                        named.push(home.join("data/priv_validator_state.json"));
                    }
                }
            }
        }
        named.iter().map(|path| absolute(path)).collect()
    }

    fn of_others(&self) -> impl Iterator<Item = &Path> {
        let configured = self.config.keys();
        configured
            .filter(|other| other.id != self.chain.id)
            .flat_map(|other| {
                let older = other.older_state_files.iter().map(PathBuf::as_path);
                other.state_file.fixed().into_iter().chain(older)
            })
            .chain(self.others.iter().map(PathBuf::as_path))
    }
}

impl Evidence {
    /// What it says, in a sentence.
    pub fn told(&self, place: &StateFile) -> String {
        format!(
            "{} says that chain {} has signed up to {} with this key",
            self.path.display(),
            place.chain_id,
            self.said
        )
    }
}

/// What to do about it: the command that takes it over, or to insist.
pub fn remedy(place: &StateFile, command: &CommandLine) -> String {
    format!(
        "take that over with `{command}`; only if it is of another key or chain, add `--insist {}`",
        place.chain_id
    )
}

/// Whether a file is the other one, or has its name and more.
fn is_copy(file: &Path, other: &Path) -> bool {
    let name = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    let other_path = absolute(other);
    folder_of(file) == folder_of(&other_path)
        && name(file)
            .zip(name(other))
            .is_some_and(|(file, other)| file.starts_with(&other))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .take(MOST)
        .map(|entry| entry.path())
        .filter(|path| meant_for(path).is_none())
        .filter(|path| {
            let meta = std::fs::metadata(path);
            meta.is_ok_and(|meta| meta.is_file() && meta.len() <= LONGEST)
        })
        .collect()
}

fn of_state(path: PathBuf, place: &StateFile) -> Option<Evidence> {
    let reading = Reading::of(&path).ok()?;
    if let Some((chain, kept)) = fence::of_tombstone(&reading.bytes) {
        let is_ours = chain == place.chain_id.as_str() && before_it_was_kept(&kept).is_some();
        return is_ours.then(|| of_state(kept, place)).flatten();
    }
    if before_it_was_kept(&path).is_some_and(|old| was_of_other(&old, place)) {
        return None;
    }
    let said = foreign::read(&reading.bytes, None, &place.chain_id, &place.public_key).ok()?;
    Some(Evidence {
        said: said.watermark.hrs()?,
        path,
        in_key: false,
    })
}

/// Whether a take-over left a text there that names another chain.
fn was_of_other(path: &Path, place: &StateFile) -> bool {
    fence::left_at(path).is_some_and(|(chain, _)| chain != place.chain_id.as_str())
}

/// Before v0.25 Tendermint kept key and state in one file.
fn of_key(path: &Path) -> Option<Evidence> {
    #[derive(Deserialize)]
    struct File {
        last_height: Value,
    }
    let bytes = Zeroizing::new(Reading::of(path).ok()?.bytes);
    let file: File = serde_json::from_slice(&bytes).ok()?;
    let height = match &file.last_height {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    Some(Evidence {
        path: path.to_owned(),
        said: Hrs::end_of(Height::new(height?)?),
        in_key: true,
    })
}
