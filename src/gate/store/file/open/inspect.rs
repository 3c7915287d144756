//! A look at a state file without its locks, for commands that must not disturb a running service.

use crate::gate::store::file::error::OpenError;
use crate::gate::store::file::medium::FileSystem;
use crate::gate::store::file::place::StateFile;
use crate::gate::store::moved::Moved;
use crate::gate::store::record::{Record, Seen};
use crate::gate::used_up::UsedUp;

use super::locks::unlocked;
use super::look::{FoundFile, look};

/// How often a read is tried: one that meets a write sees half of it.
const TRIES: usize = 5;

/// What a state file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The newest good record.
    pub record: Record,
    /// Why one half of the file could not be read, if so.
    pub damage: Option<String>,
    /// What this host has seen of the shared store, where the chain has one.
    pub shared: Option<Seen>,
    /// The last move of the chain, where there was one.
    pub moved: Option<Moved>,
}

impl Inspected {
    /// What that means for the chain and key.
    pub fn used_up(&self) -> UsedUp {
        UsedUp::of(&self.record, self.damage.is_some())
    }
}

/// Asks of a state file everything that [`crate::gate::store::file::FileStore::open`] would ask, except for the locks.
pub fn inspect(place: &StateFile) -> Result<Inspected, OpenError> {
    try_often(place, FoundFile::armable)
}

/// As [`inspect`], for [`crate::gate::store::file::FileStore::open_given_away`].
pub fn inspect_given_away(place: &StateFile) -> Result<Inspected, OpenError> {
    try_often(place, FoundFile::last_written)
}

type Demand = fn(FoundFile) -> Result<FoundFile, OpenError>;

fn try_often(place: &StateFile, demand: Demand) -> Result<Inspected, OpenError> {
    let mut last = once(place, demand);
    for _ in 1..TRIES {
        match &last {
            Ok(found) if found.damage.is_none() => break,
            Ok(_) | Err(OpenError::Unreadable { .. } | OpenError::NotNeighbours { .. }) => {}
            Err(_) => break,
        }
        last = once(place, demand);
    }
    last
}

fn once(place: &StateFile, demand: Demand) -> Result<Inspected, OpenError> {
    let file = unlocked(place, place.allow_ephemeral)?;
    let found = demand(look(place, &file, &FileSystem)?)?;
    Ok(Inspected {
        shared: found.entry.shared,
        moved: found.entry.moved,
        record: found.entry.record,
        damage: found.damage,
    })
}
