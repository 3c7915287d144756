//! What a state file says, and whether it is the one that this program wrote last (W15).

use std::fs::File;

use crate::gate::store::record::Origin;
use crate::os::files::filesystem;

use crate::gate::store::file::error::OpenError;
use crate::gate::store::file::format::Entry;
use crate::gate::store::file::medium::Medium;
use crate::gate::store::file::place::StateFile;
use crate::gate::store::file::restored::clean_stop;
use crate::gate::store::file::restored::familiar::{self, Familiar};

use super::read::read;

/// A state file as it was found, without belief in it.
pub(in crate::gate::store::file) struct FoundFile {
    pub entry: Entry,
    pub damage: Option<String>,
    /// Whether it is the one that was written last (W15).
    pub familiar: Result<Familiar, OpenError>,
    /// Why this program does not go on from it, whatever else it is.
    pub given_away: Option<OpenError>,
}

impl FoundFile {
    /// The same, where `start` goes on from it. That somebody else does so comes first: it is true of a copy, too.
    pub fn armable(mut self) -> Result<Self, OpenError> {
        match self.given_away.take() {
            Some(error) => Err(error),
            None => self.last_written(),
        }
    }

    /// The same, where it is the one that was written last (W15).
    pub fn last_written(self) -> Result<Self, OpenError> {
        let familiar = Ok(self.familiar?);
        Ok(Self { familiar, ..self })
    }
}

/// Reads a file that must hold a record of this chain and key.
pub(in crate::gate::store::file) fn look(
    place: &StateFile,
    file: &File,
    medium: &dyn Medium,
) -> Result<FoundFile, OpenError> {
    let StateFile {
        path,
        chain_id: chain,
        ..
    } = place;
    let io = |doing| {
        move |source| OpenError::Io {
            path: path.clone(),
            doing,
            source,
        }
    };
    // Before it is read: a service may write to it meanwhile, and what it writes is not later than its times.
    let marks = medium.marks(file).map_err(io("asking for its inode"))?;
    let (entry, damage) = read(place, file)?;
    if entry.chain_id != *chain {
        return Err(OpenError::OtherChain {
            chain: chain.clone(),
            path: path.clone(),
            found: entry.chain_id,
        });
    }
    if entry.public_key != place.public_key {
        return Err(OpenError::OtherKey {
            chain: chain.clone(),
            path: path.clone(),
            found: entry.public_key,
            configured: place.public_key.clone(),
        });
    }
    if entry.share != place.share {
        return Err(OpenError::OtherShare {
            chain: chain.clone(),
            path: path.clone(),
            found: entry.share,
            configured: place.share,
            commands: place.commands.clone(),
        });
    }
    // A file under a shared store is never used by itself: other hosts may have signed since (W17).
    if entry.shared.is_some() && !place.shared {
        return Err(OpenError::Shared {
            chain: chain.clone(),
            path: path.clone(),
            commands: place.commands.clone(),
        });
    }
    // Times of another clock say nothing; `allow_ephemeral_state` let the file lie there.
    let has_times =
        !filesystem::has_foreign_clock(file).map_err(io("asking for its file system"))?;
    let is_last = || clean_stop::find(path, &entry, medium).is_some();
    let familiar = familiar::by_place(&entry, &marks)
        .and_then(|()| match has_times {
            true => familiar::by_times(&entry, &marks, is_last),
            false => Ok(Familiar::Times),
        })
        .map_err(|why| OpenError::Copied {
            chain: chain.clone(),
            path: path.clone(),
            why,
            commands: place.commands.clone(),
        });
    let given_away = given_away(place, &entry);
    Ok(FoundFile {
        entry,
        damage,
        familiar,
        given_away,
    })
}

/// Who goes on from it, if not this program here.
fn given_away(place: &StateFile, entry: &Entry) -> Option<OpenError> {
    match (entry.record.origin, entry.moved) {
        (Origin::Begun | Origin::Raised | Origin::Request, _) => None,
        (Origin::MovedOut, Some(moved)) => Some(place.moved_out(moved)),
        (Origin::HandedOver | Origin::MovedOut, _) => Some(place.handed_over(entry.record.written)),
    }
}
