//! Strikes the beat of the process, and ends all links after a pause: what is queued in them may be too old (W16).
//!
//! On a thread that does nothing else, so that a late beat means that the whole process was late.

use std::sync::Arc;

use crate::os::clock::{Clock, SystemClock};
use crate::os::process::beat::{Beat, EVERY};
use crate::threads::{Shutdown, spawn_vital};

use super::error::ServiceError;
use super::links::RunningLink;
use super::roster::Roster;

/// Begins to strike.
pub(super) fn keep(
    beat: &Arc<Beat>,
    roster: &Arc<Roster>,
    stop: &Arc<Shutdown>,
) -> Result<(), ServiceError> {
    let (beat, roster, inner) = (beat.clone(), roster.clone(), stop.clone());
    spawn_vital("beat", stop, move || {
        let mut known = beat.pauses();
        while !inner.wait(EVERY) {
            beat.strike(&SystemClock.now());
            // Noticed here or by a link that woke first.
            let pauses = beat.pauses();
            if pauses != known {
                known = pauses;
                roster.each_link(RunningLink::end_if_paused);
            }
        }
    })
    .map_err(ServiceError::Thread)
}
