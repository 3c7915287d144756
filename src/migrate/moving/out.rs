//! Away from this host: the state is sealed under the number of a bundle, and then there is that bundle.

use std::io;
use std::time::Duration;

use crate::gate::store::file::{FileStore, OpenError, StateFile};
use crate::gate::store::{Moved, Origin, Store, StoreError};
use crate::gate::watermark::Watermark;
use crate::os::host_name::host_name;

use super::bundle::{Bundle, BundleError};
use super::terms::Terms;

/// Why a chain was not handed over. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum MoveOutError {
    /// Its state cannot be used.
    #[error(transparent)]
    State(#[from] OpenError),
    /// The state could not be sealed.
    #[error("the state could not be sealed: {0}")]
    NotSealed(StoreError),
    /// Such a bundle could not be read again.
    #[error("its bundle could not be read again: {0}; shorten `raw_bytes` of its [[chain]]")]
    Unreadable(BundleError),
    /// No number for the bundle.
    #[error("this host has no random numbers: {0}")]
    Random(io::Error),
}

/// A chain that was handed over.
#[derive(Debug)]
pub struct HandedOver {
    /// What its bundle holds.
    pub bundle: Bundle,
    /// The bundle's file.
    pub text: String,
    /// It had been handed over before, and the bundle is the same as then.
    pub again: bool,
}

/// Hands a chain over that no process of this host signs for.
///
/// # Errors
/// [`MoveOutError`].
pub fn move_out(
    place: &StateFile,
    terms: Terms,
    now: Duration,
) -> Result<HandedOver, MoveOutError> {
    hand_over(FileStore::open_given_away(place)?, place, terms, now)
}

/// The same of a state that is open.
///
/// # Errors
/// [`MoveOutError`].
pub fn hand_over(
    mut store: FileStore,
    place: &StateFile,
    terms: Terms,
    now: Duration,
) -> Result<HandedOver, MoveOutError> {
    let used_up = store.used_up();
    let (watermark, written) = (used_up.watermark(), used_up.written());
    match (used_up.origin(), store.moved()) {
        (Origin::MovedOut, Some(moved)) => {
            let bundle = bundle_of(place, terms, watermark, written, moved);
            let text = bundle.to_text().map_err(MoveOutError::Unreadable)?;
            Ok(HandedOver {
                bundle,
                text,
                again: true,
            })
        }
        (Origin::MovedOut | Origin::HandedOver, _) => Err(place.handed_over(written).into()),
        (Origin::Begun | Origin::Raised | Origin::Request, _) => {
            seal(place, terms, watermark, written, &mut store, now)
        }
    }
}

/// Seals a store that nothing writes to meanwhile: the critical section of the move, for a command and for a service that
/// runs. The bundle is made first, in memory, and can be read again; then the store is sealed under its number.
///
/// # Errors
/// [`MoveOutError`]; then the store is not sealed for good, because its bundle is nowhere.
pub fn seal(
    place: &StateFile,
    terms: Terms,
    watermark: &Watermark,
    written: Duration,
    store: &mut dyn Store,
    now: Duration,
) -> Result<HandedOver, MoveOutError> {
    let moved = Moved::after(store.moved(), now).map_err(MoveOutError::Random)?;
    let bundle = bundle_of(place, terms, watermark, written, moved);
    let text = bundle.to_text().map_err(MoveOutError::Unreadable)?;
    store
        .seal(watermark, written, moved)
        .map_err(MoveOutError::NotSealed)?;
    Ok(HandedOver {
        bundle,
        text,
        again: false,
    })
}

fn bundle_of(
    place: &StateFile,
    terms: Terms,
    watermark: &Watermark,
    written: Duration,
    moved: Moved,
) -> Bundle {
    Bundle {
        moved,
        host: host_name(),
        chain_id: place.chain_id.clone(),
        public_key: place.public_key.clone(),
        share: place.share,
        watermark: watermark.clone(),
        // A record keeps whole seconds.
        written: Duration::from_secs(written.as_secs()),
        terms,
    }
}
