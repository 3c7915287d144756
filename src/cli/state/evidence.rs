//! What speaks against a watermark that the operator says by hand: states of this chain and key that lie nearby (W20).
//!
//! Looked at are the folder of the state file, the places where an older program kept the state, a node's state beside the
//! key, what an old key file says of itself, and what take-overs kept. All of it is bounded in size and number.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::cli::report::Failure;
use crate::config::{ChainConfig, Config};
use crate::consensus::{Height, Hrs};
use crate::gate::foreign::reading::Reading;
use crate::gate::foreign::{self, LONGEST, fence};
use crate::gate::store::file::Place;
use crate::gate::watermark::Watermark;

use super::takeover::bury::before_it_was_kept;
use super::takeover::same_file;

/// How many files of a folder are looked at.
const MOST: usize = 1_000;

/// A file that says that more was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Evidence {
    /// The file.
    pub path: PathBuf,
    /// What it says was signed.
    pub said: Hrs,
    /// Whether it is the key file itself, which no command can take over.
    pub in_key: bool,
}

/// Looks for what is above `claimed`; the highest of it. `keys` are the files that hold the key.
pub(in crate::cli) fn against(
    claimed: &Watermark,
    config: &Config,
    chain: &ChainConfig,
    place: &Place,
    keys: &[&Path],
) -> Option<Evidence> {
    let mut found: Vec<Evidence> = places(config, chain, place, keys)
        .into_iter()
        .filter_map(|path| of_state(path, place))
        .collect();
    found.extend(keys.iter().filter_map(|key| of_key(key)));
    found.retain(|one| Some(one.said) > claimed.hrs());
    found.into_iter().max_by_key(|one| one.said)
}

/// The refusal: file, height, and the command that takes it over.
pub(in crate::cli) fn refused(found: &Evidence, place: &Place, command: &str) -> Failure {
    Failure::new(format!(
        "nothing was changed: {} says that chain {} has signed up to {} with this key",
        found.path.display(),
        place.chain_id,
        found.said
    ))
    .hint(format!(
        "take that over with `{command}`; only if it is of another key or chain, add `--insist {}`",
        place.chain_id
    ))
}

fn places(
    config: &Config,
    chain: &ChainConfig,
    place: &Place,
    keys: &[&Path],
) -> BTreeSet<PathBuf> {
    // Of these places a kept copy counts, too.
    let mut named: Vec<PathBuf> = chain.older_state_files.clone();
    named.push(place.path.clone());
    for key in keys {
        let real = std::fs::canonicalize(key).unwrap_or_else(|_| key.to_path_buf());
        for key in [key.to_path_buf(), real] {
            let key = std::path::absolute(&key).unwrap_or(key);
            if let Some(folder) = key.parent() {
                named.push(folder.join("priv_validator_state.json"));
                if let Some(home) = folder.parent() {
                    named.push(home.join("data/priv_validator_state.json"));
                }
            }
        }
    }
    let named = named
        .into_iter()
        .map(|path| std::path::absolute(&path).unwrap_or(path));
    let mut found = BTreeSet::new();
    for path in named {
        let folder = path.parent().unwrap_or(Path::new("."));
        found.extend(files(folder).into_iter().filter(|file| {
            before_it_was_kept(file).as_ref() == Some(&path)
                || (*file == path && path != place.path)
        }));
    }
    let beside = place.path.parent().unwrap_or(Path::new("."));
    let others: Vec<&Path> = config
        .chains
        .iter()
        .filter(|other| other.id != chain.id)
        .flat_map(|other| std::iter::once(&other.state_file).chain(&other.older_state_files))
        .map(PathBuf::as_path)
        .collect();
    found.extend(files(beside).into_iter().filter(|file| {
        // `b-1.json.bak` belongs to whom `b-1.json` belongs to.
        let of_other = others.iter().any(|other| {
            let name = |path: &Path| {
                path.file_name()
                    .map(|name| name.to_string_lossy().into_owned())
            };
            other.parent() == file.parent()
                && name(file)
                    .zip(name(other))
                    .is_some_and(|(file, other)| file.starts_with(&other))
        });
        !of_other && !same_file(file, &place.path)
    }));
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .take(MOST)
        .map(|entry| entry.path())
        .filter(|path| {
            let meta = std::fs::metadata(path);
            meta.is_ok_and(|meta| meta.is_file() && meta.len() <= LONGEST)
        })
        .collect()
}

fn of_state(path: PathBuf, place: &Place) -> Option<Evidence> {
    let reading = Reading::of(&path).ok()?;
    if let Some((chain, kept)) = fence::of_tombstone(&reading.bytes) {
        let is_ours = chain == place.chain_id.as_str() && before_it_was_kept(&kept).is_some();
        return is_ours.then(|| of_state(kept, place)).flatten();
    }
    let said = foreign::read(&reading.bytes, None, &place.chain_id, &place.public_key).ok()?;
    Some(Evidence {
        said: said.watermark.hrs()?,
        path,
        in_key: false,
    })
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
