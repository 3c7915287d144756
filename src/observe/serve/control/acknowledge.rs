//! The question `acknowledge`: what was refused can be taken out of sight, and no more.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracing::info;

use crate::observe::registry::Registry;
use crate::observe::status::ConflictStatus;
use crate::os::clock::{Clock, SystemClock};

use super::client::answer_to;
use super::question::ControlQuestion;

/// What becomes of an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledgement {
    /// What is out of sight now, for each node that asked for one.
    Acknowledged(Vec<ConflictStatus>),
    /// Why nothing was done.
    Error(String),
}

/// Takes what is there and says what that was, so that nothing disappears which nobody was told of.
pub(super) fn acknowledge(registry: &Registry, id: &str) -> Acknowledgement {
    let chains = registry.chains();
    let Some(chain) = chains.iter().find(|chain| chain.id == id) else {
        return Acknowledgement::Error("the service does not know this chain".to_owned());
    };
    let taken = chain.acknowledge(&SystemClock.now());
    for conflict in &taken {
        let (node, count) = (&conflict.node, conflict.count);
        info!(
            event = "acknowledged",
            chain = id,
            node,
            count,
            "[{id}] acknowledged: double sign refused, {}",
            conflict.line()
        );
    }
    Acknowledgement::Acknowledged(taken)
}

/// Tells the service that belongs to a configuration that somebody has seen the refused double signs of a chain.
///
/// # Errors
/// No service answers there, or it answers what this program does not understand.
pub fn tell_acknowledged(chain: &str, path: &Path) -> io::Result<Acknowledgement> {
    answer_to(&ControlQuestion::Acknowledge(chain.to_owned()), path)
}
