//! What the gate answers when it does not refuse.

use std::time::Duration;

use crate::consensus::{SignBytes, Signature, Timestamp};

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

/// What the gate lets a cosigner answer to another one (W18).
#[must_use]
#[derive(Debug)]
pub enum ShareAdmission {
    /// A share of the signature of exactly the bytes that were asked for: the watermark stands at them, durably.
    Give(Permit),
    /// None: at this position the watermark stands at these other bytes, which differ in nothing but their time.
    Locked(SignBytes),
    /// None is needed: the whole signature is known, of the message asked for with this time.
    Signed {
        /// That signature.
        signature: Signature,
        /// The timestamp that it covers.
        timestamp: Timestamp,
    },
}

impl Admission {
    /// The strict lock (W18): the permit is for the bytes that the watermark stands at, and a share is given only where these
    /// are the very ones that were asked for. Extensions are not part of it.
    pub fn strictly(self, asked: &SignBytes) -> ShareAdmission {
        match self {
            Self::Sign { permit, .. } if permit.bytes() == asked.as_slice() => {
                ShareAdmission::Give(permit)
            }
            Self::Sign { permit, .. } => ShareAdmission::Locked(permit.into_bytes()),
            Self::Replay {
                signature,
                timestamp,
                ..
            } => ShareAdmission::Signed {
                signature,
                timestamp,
            },
        }
    }
}
