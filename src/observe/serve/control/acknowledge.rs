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
    /// What is out of sight now.
    Acknowledged(AcknowledgedSights),
    /// Why nothing was done.
    Error(String),
}

/// What is out of sight now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedSights {
    /// The refused double signs, for each node that asked for one.
    pub conflicts: Vec<ConflictStatus>,
    /// The last height at which a second signer with the key was noticed.
    pub second_signer_height: Option<i64>,
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
    let second = chain.acknowledge_second();
    if let Some(height) = second {
        info!(
            event = "acknowledged",
            chain = id,
            height,
            "[{id}] acknowledged: another signer had this key, and signed at height {height}"
        );
    }
    Acknowledgement::Acknowledged(AcknowledgedSights {
        conflicts: taken,
        second_signer_height: second,
    })
}

/// Tells the service that belongs to a configuration that somebody has seen the refused double signs of a chain, or its second signer.
///
/// # Errors
/// No service answers there, or it answers what this program does not understand.
pub fn tell_acknowledged(chain: &str, path: &Path) -> io::Result<Acknowledgement> {
    answer_to(&ControlQuestion::Acknowledge(chain.to_owned()), path)
}
