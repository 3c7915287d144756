//! What the parts of a running service have in common.

use std::sync::Arc;
use std::time::Duration;

use crate::observe::registry::Registry;
use crate::threads::Shutdown;

use super::observers::SharedObservers;
use super::roster::Roster;
use super::wiring::Wiring;

/// How long votes in hand may take at the end of a link, a chain or the service.
pub(super) const LEAVE: Duration = Duration::from_secs(3);

/// What the parts of a running service have in common.
#[derive(Clone)]
pub(super) struct Service {
    pub roster: Arc<Roster>,
    pub registry: Arc<Registry>,
    pub wiring: Wiring,
    pub observers: SharedObservers,
    pub stop: Arc<Shutdown>,
}
