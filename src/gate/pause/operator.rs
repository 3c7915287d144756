//! A gate's operator: what may be said to one, and what one has said.

use std::sync::Arc;

use crate::remedy::Commands;

use super::switch::PauseSwitch;

/// What a gate knows of its operator.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    /// What refusals tell to run; as printed only where the configuration has a name.
    pub commands: Commands,
    /// What the operator lets nobody sign (W22).
    pub paused: Arc<PauseSwitch>,
}
