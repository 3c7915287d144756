//! What one signature is made with, and what stays when it is made.

use std::sync::Arc;

use crate::backends::cosign::ask::Peers;
use crate::backends::cosign::frost::Party;

use super::pace::Pace;
use super::tally::JointTally;

/// What one signature is made with.
pub(super) struct Means {
    /// This member.
    pub party: Arc<Party>,
    /// The others.
    pub peers: Arc<dyn Peers>,
    /// What is usual.
    pub pace: Pace,
    /// What is counted.
    pub tally: JointTally,
}
