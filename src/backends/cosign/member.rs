//! What a member answers another one that asks for its share of a signature (W18).

use parking_lot::Mutex;

use crate::consensus::{SignBytes, Signature, Timestamp};
use crate::cosigner::{Given, MemberGate};
use crate::gate::permit::Permit;
use crate::gate::refusal::Refusal;
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
    /// The chain refuses.
    Refused(Refusal),
}

/// Gives a share, or says why not. The nonce is taken out first and is gone whatever comes; then the chain's gate judges the bytes and
/// makes them durable, and only its permit for exactly these bytes lets `share` run. The watermark stays where it is then, with or
/// without a signature: the member is locked.
pub fn answer<N, S>(
    member: &dyn MemberGate,
    nonces: &Mutex<Nonces<N>>,
    asked: ShareRequest,
    now: &Moment,
    share: impl FnOnce(N, &Permit) -> S,
) -> ShareAnswer<S> {
    let taken = nonces.lock().take(asked.from, asked.nonce, now);
    let Some(nonce) = taken else {
        return ShareAnswer::NoNonce;
    };
    give(member, asked.bytes, nonce, &mut || (), share)
}

/// The same with a nonce that nobody was shown yet: this host's own share. `ahead` is that of [`MemberGate::give`].
pub fn give<N, S>(
    member: &dyn MemberGate,
    bytes: Vec<u8>,
    nonce: N,
    ahead: &mut dyn FnMut(),
    share: impl FnOnce(N, &Permit) -> S,
) -> ShareAnswer<S> {
    // Both are used once: the closure finds nothing when it is called again.
    let mut unused = Some((nonce, share));
    let mut made = None;
    let given = member.give(bytes, ahead, &mut |permit| {
        if let Some((nonce, share)) = unused.take() {
            made = Some(share(nonce, permit));
        }
    });
    match (given, made) {
        (Given::Share, Some(share)) => ShareAnswer::Share(share),
        (Given::Share, None) => ShareAnswer::NoNonce,
        (Given::Locked(bytes), _) => ShareAnswer::Locked(bytes),
        (
            Given::Signed {
                signature,
                timestamp,
            },
            _,
        ) => ShareAnswer::Signed {
            signature,
            timestamp,
        },
        (Given::Refused(refusal), _) => ShareAnswer::Refused(refusal),
    }
}
