//! What the gate lets a cosigner answer to another one.

use crate::consensus::{SignBytes, Signature, Timestamp};

use crate::gate::admission::Admission;
use crate::gate::permit::Permit;

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
