//! A look at a state file without its locks, for commands that must not disturb a running service.

use crate::gate::store::file::error::OpenError;
use crate::gate::store::file::medium::FileSystem;
use crate::gate::store::file::place::StateFile;
use crate::gate::store::record::{Record, Seen};
use crate::gate::used_up::UsedUp;

use super::locks::unlocked;
use super::look::look;

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
}

impl Inspected {
    /// What that means for the chain and key.
    pub fn used_up(&self) -> UsedUp {
        UsedUp::of(&self.record, self.damage.is_some())
    }
}

/// Asks of a state file everything that [`crate::gate::store::file::FileStore::open`] would ask, except for the locks.
pub fn inspect(place: &StateFile) -> Result<Inspected, OpenError> {
    let mut last = once(place);
    for _ in 1..TRIES {
        match &last {
            Ok(found) if found.damage.is_none() => break,
            Ok(_) | Err(OpenError::Unreadable { .. } | OpenError::NotNeighbours { .. }) => {}
            Err(_) => break,
        }
        last = once(place);
    }
    last
}

fn once(place: &StateFile) -> Result<Inspected, OpenError> {
    let file = unlocked(place, place.allow_ephemeral)?;
    let found = look(place, &file, &FileSystem)?;
    found.familiar?;
    Ok(Inspected {
        shared: found.entry.shared,
        record: found.entry.record,
        damage: found.damage,
    })
}
