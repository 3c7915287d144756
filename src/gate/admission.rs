//! What the gate answers when it does not refuse.

use std::time::Duration;

use crate::consensus::{Signature, Timestamp};

use super::permit::Permit;

/// What the gate answers when it does not refuse.
#[must_use]
#[derive(Debug)]
pub enum Admission {
    /// The earlier signature of the same message.
    Replay {
        /// That signature.
        signature: Signature,
        /// The timestamp that it covers.
        timestamp: Timestamp,
        /// Leave to sign the extension.
        extension: Option<Permit>,
        /// What the durable write took, if it came to one.
        persisted_in: Option<Duration>,
    },
    /// Leave to sign.
    Sign {
        /// Leave to sign the message; to be given back by [`crate::gate::Gate::complete`].
        permit: Permit,
        /// The timestamp in the permit's bytes; an earlier one when a position was persisted but never signed.
        timestamp: Timestamp,
        /// Leave to sign the extension.
        extension: Option<Permit>,
        /// What the durable write took, if it came to one.
        persisted_in: Option<Duration>,
    },
}
