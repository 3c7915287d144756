//! What comes of a request: a signature with the time it took, or why there is none.

use std::time::Duration;

use crate::consensus::{Height, Signature, Timestamp};
use crate::events::Spent;
use crate::gate::JudgedRequest;
use crate::gate::refusal::{Reason, Refusal};
use crate::request::SignRequest;
use crate::signer::{Signer, SignerError};

/// What the key cannot or will not sign must not move the watermark: asked before [`JudgedRequest::admit`], unless the gate has the
/// message's signature. The extension of such a replay is signed, or not, after that.
pub(super) fn can_sign(judged: &JudgedRequest<'_>, signer: &dyn Signer) -> Result<(), SignerError> {
    if !judged.needs_key() {
        return Ok(());
    }
    signer.accepts(judged.prepared())?;
    signer
        .unavailable_reason()
        .map_or(Ok(()), |why| Err(SignerError::Failed(why)))
}

/// Refuses what the settings of one validator entry forbid, before the gate is asked.
pub(super) fn within_max_height(request: &SignRequest, max: Option<Height>) -> Result<(), Refusal> {
    match max {
        Some(max) if request.hrs().height > max => {
            Err(refusal(request, Reason::AboveMaxHeight(max)))
        }
        _ => Ok(()),
    }
}

/// Of a request that came to no gate.
pub(super) fn refusal(request: &SignRequest, reason: Reason) -> Refusal {
    Refusal {
        asked: Some(request.hrs()),
        block: request.block().copied(),
        last: None,
        reason,
    }
}

/// A signature, made or known.
pub(super) struct SignOutcome {
    /// Of the message.
    pub signature: Signature,
    /// That it covers.
    pub timestamp: Timestamp,
    /// Of its extension.
    pub extension: Option<Signature>,
    /// It was known before.
    pub replayed: bool,
    /// When, by the monotonic clock.
    pub done: Duration,
    /// Where the time went.
    pub spent: Spent,
}

/// Why there is none.
pub(super) enum SignFailure {
    /// The gate or the operator says no.
    Refused(Refusal),
    /// The key or device gave none.
    Signer(SignerError),
}
