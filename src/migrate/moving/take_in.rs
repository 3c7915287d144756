//! To this host: a bundle is judged by what is known here, and arms the chain once.

use std::time::Duration;

use crate::consensus::PublicKey;
use crate::gate::store::file::medium::{FileSystem, Medium};
use crate::gate::store::file::{
    FileStore, Inspected, OpenError, StateFile, inspect, inspect_given_away,
};
use crate::gate::store::{Moved, Origin, Store, StoreError};
use crate::gate::used_up::UsedUp;
use crate::gate::watermark::Watermark;
use crate::migrate::watermarks::{higher, shown};
use crate::text::date::Date;

use super::bundle::Bundle;

/// How far the clock of the host that handed over may be ahead of this one's.
const AHEAD: Duration = Duration::from_secs(60);

/// What this host knows of the chain before a bundle is taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The watermark, and who set it.
    pub used_up: UsedUp,
    /// The last move.
    pub moved: Option<Moved>,
}

/// Why a bundle is not taken in. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum NotTakenIn {
    /// The chain has another key here.
    #[error(
        "the bundle is of the key {found:?} (address {}), and the key configured here for chain {chain} is {configured:?}; bring \
         that key here first, or name the right bundle", found.address()
    )]
    OtherKey {
        /// The chain.
        chain: String,
        /// The key of the bundle.
        found: PublicKey,
        /// The key of this configuration.
        configured: PublicKey,
    },
    /// It is of another share of the key, or of the whole key.
    #[error(
        "the bundle is of {}, and {} is configured here for chain {chain}: each member has a state of its own; bring that share \
         here first, or name the right bundle", part(*found), part(*configured)
    )]
    OtherShare {
        /// The chain.
        chain: String,
        /// The share of the bundle.
        found: Option<u16>,
        /// The share of this configuration.
        configured: Option<u16>,
    },
    /// Handed over later than it is now.
    #[error(
        "the bundle was handed over at {}, and the clock of this host says {}; set the clock that is wrong (`timedatectl`), \
         and repeat the command", Date::of(Duration::from_secs(*at)), Date::of(*now)
    )]
    Future {
        /// When, in seconds since 1970-01-01 UTC.
        at: u64,
        /// What it is now, since 1970-01-01 UTC.
        now: Duration,
    },
    /// It was taken in here before.
    #[error(
        "bundle {} was made or taken in here before, and chain {chain} may have signed since; a chain that comes back brings a new \
         bundle: make one with `state move out` on the host that signs for it", moved.bundle
    )]
    Again {
        /// The chain.
        chain: String,
        /// The bundle.
        moved: Moved,
    },
    /// The chain was moved again since.
    #[error(
        "bundle {} is move {} of chain {chain}, and this host knows of move {}, to bundle {}: this bundle is an old one; take \
         in the newest", moved.bundle, moved.count, known.count, known.bundle
    )]
    Older {
        /// The chain.
        chain: String,
        /// The bundle.
        moved: Moved,
        /// The last move that is known here.
        known: Moved,
    },
    /// The state here cannot be used.
    #[error(transparent)]
    State(#[from] OpenError),
    /// The state here was handed over and is not as it was left.
    #[error(
        "the state file {} of chain {}, which was handed over to bundle {}, is not as this program left it, so it may be older \
         than it was, and no bundle arms it; only `{}` takes it back, once you know that no other host signs for the chain and \
         what was signed last",
        place.path.display(), place.chain_id, moved.bundle, place.commands.line(["adopt"])
    )]
    SealedCopy {
        /// Whose state, and where.
        place: Box<StateFile>,
        /// What it says.
        moved: Moved,
    },
    /// The disk.
    #[error("the state could not be written: {0}")]
    NotWritten(StoreError),
}

/// What taking a bundle in would make of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The watermark to be: the higher of the two.
    pub watermark: Watermark,
    /// When it was reached, since 1970-01-01 UTC.
    reached: Duration,
    /// It is the bundle that this very host made: the chain comes back.
    pub comes_back: bool,
}

/// What this host knows of the chain, without its locks. `None` where it has no state.
///
/// # Errors
/// Why the state here cannot be used.
pub fn look(place: &StateFile) -> Result<Option<Known>, NotTakenIn> {
    match inspect_given_away(place) {
        Ok(found) => Ok(Some(Known::of_inspected(&found))),
        Err(OpenError::Missing { .. }) => Ok(None),
        Err(error) => Err(NotTakenIn::of(error, place)),
    }
}

/// A share, or the whole key, in words.
fn part(share: Option<u16>) -> String {
    share.map_or_else(|| "the whole key".to_owned(), |id| format!("share {id}"))
}

impl Known {
    fn of_inspected(found: &Inspected) -> Self {
        Self {
            used_up: found.used_up(),
            moved: found.moved,
        }
    }
}

impl NotTakenIn {
    fn of(error: OpenError, place: &StateFile) -> Self {
        match (&error, inspect(place)) {
            (OpenError::Copied { .. }, Err(OpenError::MovedOut { moved, .. })) => {
                let place = Box::new(place.clone());
                Self::SealedCopy { place, moved }
            }
            _ => Self::State(error),
        }
    }
}

/// Judges a bundle by what is known here, at the wall time `now`.
///
/// # Errors
/// Why it must not be taken in.
pub fn judge(
    bundle: &Bundle,
    place: &StateFile,
    known: Option<&Known>,
    now: Duration,
) -> Result<Arrival, NotTakenIn> {
    let (chain, moved) = (place.chain_id.to_string(), bundle.moved);
    if bundle.public_key != place.public_key {
        return Err(NotTakenIn::OtherKey {
            chain,
            found: bundle.public_key.clone(),
            configured: place.public_key.clone(),
        });
    }
    if bundle.share != place.share {
        return Err(NotTakenIn::OtherShare {
            chain,
            found: bundle.share,
            configured: place.share,
        });
    }
    if Duration::from_secs(moved.at) > now.saturating_add(AHEAD) {
        return Err(NotTakenIn::Future { at: moved.at, now });
    }
    let Some(known) = known else {
        return Ok(Arrival {
            watermark: bundle.watermark.clone(),
            reached: bundle.written,
            comes_back: false,
        });
    };
    let comes_back = match (known.used_up.origin(), known.moved) {
        // Another program goes on from it, of which the bundle knows nothing.
        (Origin::HandedOver, _) => return Err(place.handed_over(known.used_up.written()).into()),
        (Origin::MovedOut, Some(here)) if here.bundle == moved.bundle => true,
        (_, Some(here)) if here.bundle == moved.bundle => {
            return Err(NotTakenIn::Again { chain, moved });
        }
        (_, Some(here)) if here.count >= moved.count => {
            return Err(NotTakenIn::Older {
                chain,
                moved,
                known: here,
            });
        }
        _ => false,
    };
    let here = known.used_up.watermark();
    let watermark = higher(Some(here), &bundle.watermark);
    let reached = match watermark == bundle.watermark {
        true => bundle.written,
        false => known.used_up.written(),
    };
    Ok(Arrival {
        watermark,
        reached,
        comes_back,
    })
}

/// Takes a bundle in: the one way, for the command and for a service that runs. Armed and remembered are one write.
///
/// # Errors
/// [`NotTakenIn`].
pub fn take_in(place: &StateFile, bundle: &Bundle, now: Duration) -> Result<Arrival, NotTakenIn> {
    take_in_on(place, bundle, now, || Box::new(FileSystem))
}

/// [`take_in`] with another way to write, for tests.
///
/// # Errors
/// [`NotTakenIn`].
pub fn take_in_on(
    place: &StateFile,
    bundle: &Bundle,
    now: Duration,
    medium: impl Fn() -> Box<dyn Medium>,
) -> Result<Arrival, NotTakenIn> {
    let store = match FileStore::open_given_away_on(place, medium()) {
        Ok(store) => store,
        Err(OpenError::Missing { .. }) => {
            let arrival = judge(bundle, place, None, now)?;
            FileStore::create_moved(
                place,
                &arrival.watermark,
                arrival.reached,
                bundle.moved,
                medium(),
            )?;
            return Ok(arrival);
        }
        Err(error) => return Err(NotTakenIn::of(error, place)),
    };
    let known = Known {
        used_up: store.used_up(),
        moved: store.moved(),
    };
    let arrival = judge(bundle, place, Some(&known), now)?;
    store
        .arrived(bundle.moved)
        .set(
            &arrival.watermark,
            Origin::of_operator(Some(&arrival.watermark)),
            arrival.reached,
        )
        .map_err(NotTakenIn::NotWritten)?;
    Ok(arrival)
}

impl Arrival {
    /// The watermark for people.
    pub fn shown(&self) -> String {
        shown(Some(&self.watermark))
    }
}
