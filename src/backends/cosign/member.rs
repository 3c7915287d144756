//! What a member answers another one that asks for its share of a signature (W18).

use std::time::Duration;

use crate::consensus::{SignBytes, Signature, Timestamp};
use crate::gate::permit::Permit;
use crate::gate::refusal::Refusal;
use crate::gate::{Gate, Prepared, ShareAdmission};
use crate::os::clock::Moment;

use super::nonces::{NonceId, Nonces, ShownTo};

/// What another member asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareRequest {
    /// Who asks, as its link proves it.
    pub from: ShownTo,
    /// With which nonce.
    pub nonce: NonceId,
    /// The sign bytes, which are read here again, whatever is said of them.
    pub bytes: Vec<u8>,
}

/// What it is answered.
#[derive(Debug)]
pub enum ShareAnswer<S> {
    /// The share.
    Share(S),
    /// No such nonce waits: it was used, is too old, or was shown by an earlier life of this process. Nothing has moved.
    NoNonce,
    /// This member is locked on these bytes, which differ in nothing but their time; it gives shares of them only.
    Locked(SignBytes),
    /// The whole signature is known here.
    Signed {
        /// That signature.
        signature: Signature,
        /// The timestamp that it covers.
        timestamp: Timestamp,
    },
    /// The gate refuses.
    Refused(Refusal),
}

/// Gives a share, or says why not. The nonce is taken out first and is gone whatever comes; then the gate judges the bytes and makes
/// them durable, and only its permit for exactly these bytes lets `share` run. The watermark stays where it is then, with or
/// without a signature: the member is locked.
///
/// What a chain refuses before its gate is asked, such as a floor, a wait for the chain's word and another node's turn, is the
/// caller's to ask, as it is for the request of a node.
pub fn answer<N, S>(
    gate: &mut Gate,
    nonces: &mut Nonces<N>,
    asked: ShareRequest,
    now: &Moment,
    until: Duration,
    share: impl FnOnce(N, &Permit) -> S,
) -> ShareAnswer<S> {
    let Some(nonce) = nonces.take(asked.from, asked.nonce, now) else {
        return ShareAnswer::NoNonce;
    };
    match admit(gate, asked.bytes, now, until) {
        Ok(ShareAdmission::Give(permit)) => ShareAnswer::Share(share(nonce, &permit)),
        Ok(ShareAdmission::Locked(bytes)) => ShareAnswer::Locked(bytes),
        Ok(ShareAdmission::Signed {
            signature,
            timestamp,
        }) => ShareAnswer::Signed {
            signature,
            timestamp,
        },
        Err(refusal) => ShareAnswer::Refused(refusal),
    }
}

fn admit(
    gate: &mut Gate,
    bytes: Vec<u8>,
    now: &Moment,
    until: Duration,
) -> Result<ShareAdmission, Refusal> {
    let prepared = Prepared::of_bytes(bytes)?;
    let asked = prepared.bytes().clone();
    let admission = gate.judge(prepared, now)?.admit(until)?;
    Ok(admission.strictly(&asked))
}
