//! A second state of one chain and key, where this configuration keeps states or would keep them (W23).
//!
//! A key that signs once more after another one has another place for its state, and a line that is forgotten brings it back
//! to the first one. Each file alone is well then, and the lower one would be signed from once more.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::ChainConfig;
use crate::consensus::{ChainId, Hrs};
use crate::gate::store::Origin;
use crate::gate::store::file::{Newest, StateFile, newest};
use crate::gate::used_up::UsedUp;
use crate::os::files::paths::{absolute, same_file};
use crate::remedy::CommandLine;

use super::foreign::reading::Reading;

/// Why a chain is not armed with a state that is well in itself: another state of the same chain and key says more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HigherElsewhere {
    chain: ChainId,
    /// The state that the configuration names.
    named: PathBuf,
    /// What it says was signed.
    says: Option<Hrs>,
    /// The other one.
    other: OtherState,
    remedy: Remedy,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct OtherState {
    path: PathBuf,
    said: Hrs,
    /// Another signer goes on from it.
    given_away: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Remedy {
    /// This key can be given that file.
    Name,
    /// The file is the one of the chain's first key.
    Raise(CommandLine),
}

/// Looks for another state of this chain and key that says more than `says`, which the state at `place` says. Files that are
/// not there, and those of other keys, say nothing.
///
/// # Errors
/// The one that says most.
pub fn compare(
    config: &ChainConfig,
    place: &StateFile,
    says: Option<Hrs>,
) -> Result<(), HigherElsewhere> {
    let others = config.state_places.iter();
    let others = others
        .map(|other| other.of(&place.public_key))
        .filter(|path| !same_file(path, &place.path))
        .filter_map(|path| of_state(path, place))
        .filter(|other| Some(other.said) > says);
    let Some(other) = others.max_by_key(|other| other.said) else {
        return Ok(());
    };
    // The chain's own file is that of the key that signs from the first height on.
    let is_reserved = config.activation_height.is_some() && other.path == config.pause_beside;
    Err(HigherElsewhere {
        chain: place.chain_id.clone(),
        named: place.path.clone(),
        says,
        remedy: match is_reserved {
            true => Remedy::Raise(place.commands.raise(&place.chain_id, other.said.height)),
            false => Remedy::Name,
        },
        other,
    })
}

fn of_state(path: PathBuf, place: &StateFile) -> Option<OtherState> {
    let reading = Reading::of(&path).ok()?;
    let Newest::Good(entry, damage) = newest(&reading.bytes) else {
        return None;
    };
    if entry.chain_id != place.chain_id || entry.public_key != place.public_key {
        return None;
    }
    // What another member signed says nothing of this one; what the whole key signed does, and the other way round.
    if entry
        .share
        .zip(place.share)
        .is_some_and(|(one, other)| one != other)
    {
        return None;
    }
    let used_up = UsedUp::of(&entry.record, damage.is_some());
    Some(OtherState {
        said: used_up.watermark().hrs()?,
        given_away: matches!(used_up.origin(), Origin::HandedOver | Origin::MovedOut),
        path,
    })
}

/// The line of a section that names this file, as it is written from any folder.
pub fn state_file_line(path: &Path) -> String {
    let path = absolute(path).display().to_string();
    let path = path.replace('\\', "\\\\").replace('"', "\\\"");
    format!("state_file = \"{path}\"")
}

impl fmt::Display for HigherElsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            chain,
            named,
            says,
            other,
            remedy,
        } = self;
        let says = says.map_or_else(|| "nothing".to_owned(), |says| format!("up to {says}"));
        let given_away = match other.given_away {
            true => ", and that another signer goes on from there",
            false => "",
        };
        let (named, path, said) = (named.display(), other.path.display(), other.said);
        write!(
            f,
            "chain {chain} and its key have two states: {named} says that {says} was signed, and {path} says up to \
             {said}{given_away}. The higher one counts: "
        )?;
        match remedy {
            Remedy::Name => {
                let line = state_file_line(&other.path);
                write!(f, "write `{line}` into the section of this key")?;
            }
            Remedy::Raise(command) => write!(f, "`{command}` raises the other one to it")?,
        }
        f.write_str("; only if its height was typed wrongly, move that file to another folder")
    }
}
