//! What the thread that serves a member is asked to do.

use std::sync::Arc;

use crate::backends::cosign::ask::AskedShare;

use super::pair_link::PairLink;

/// What is to be done for one member.
pub(in crate::backends::cosign::peers) enum Job {
    /// Answer its question.
    Ask {
        /// Where it came from.
        link: Arc<PairLink>,
        /// Its number there.
        number: u64,
        /// The question.
        asked: Arc<AskedShare>,
    },
    /// Somebody told of signatures: see whether something is there to learn.
    Learn,
    /// A link is up, or its other side said where it stands: learn that, and show it nonces.
    Up,
    /// Say anew where this member stands: a chain has come.
    Say,
    /// This process ends its links.
    Stop,
}
