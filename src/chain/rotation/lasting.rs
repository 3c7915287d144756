//! What all keys of a chain share, and what outlasts a key that is opened anew, or a chain that a reload takes out and adds again.

use std::sync::Arc;

use crate::gate::nodes::OneNode;
use crate::gate::pause::PauseSwitch;
use crate::gate::word::floor::Floor;
use crate::gate::word::hold::WordHold;

/// What holds until the process ends, for one chain id. Clones are the same.
#[derive(Clone, Default)]
pub struct Lasting {
    /// The operator's switch: what could not be written of a pause is known nowhere else. Each gate looks at it, too.
    pub pause: Arc<PauseSwitch>,
    /// The node that is served, where that is one at a time: its locks are those that the votes followed last.
    pub one_node: Arc<OneNode>,
    /// The height that the chain has left behind, where somebody said so.
    pub floor: Arc<Floor>,
    /// What is waited for before anything is signed.
    pub hold: Arc<WordHold>,
}
