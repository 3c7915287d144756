//! Signatures of raw bytes, within the operator's policy.

use crate::events::{Event, RequestKind};
use crate::gate::raw::RawRefused;
use crate::gate::refusal::{Reason, Refusal};
use crate::os::clock::{Clock, Moment};
use crate::reason::ReasonKind;
use crate::reply::Reply;
use crate::request::RawRequest;

use crate::chain::answer::{Answer, Asker, Releases, error_of, refused_event, remote, told};
use crate::chain::deadline::DEVICE;
use crate::chain::state::Chain;

impl Chain {
    /// Raw bytes have no position, so they wait for no gate and hold no vote up on the host.
    pub(super) fn sign_raw(
        &self,
        request: &RawRequest,
        arrival: &Moment,
        asker: &Asker<'_>,
        clock: &dyn Clock,
    ) -> Answer {
        let refuse = |refusal: Refusal| {
            let error = remote(&refusal);
            told(
                Reply::RawRefused(error),
                refused_event(RequestKind::Raw, &refusal),
            )
        };
        let armed = match self.signing() {
            Ok(armed) => armed,
            Err(not) => return refuse(Refusal::of(not.reason())),
        };
        let until = arrival.monotonic + DEVICE;
        let admitted = armed
            .raw
            .as_ref()
            .ok_or(RawRefused::NotAllowed)
            .and_then(|policy| policy.admit(self.id(), request, until));
        let permit = match admitted {
            Ok(permit) => permit,
            Err(why) => return refuse(Refusal::of(Reason::RawBytes(why))),
        };
        // In this order: who pauses or hands over waits for what was begun before.
        let _outside = armed.outside();
        if let Err(not) = self.signing() {
            return refuse(Refusal::of(not.reason()));
        }
        if let Some(active) = self.in_effect() {
            return refuse(Refusal::of(Reason::paused(&active)));
        }
        if let Some(wait) = self.lasting().hold.wait() {
            return refuse(Refusal::of(Reason::AwaitsChain(wait)));
        }
        // They keep no chain with a node: only consensus has locks.
        if let Err(other) = self.lasting().one_node.may(asker.node, clock.now().boot) {
            return refuse(Refusal::of(Reason::OtherNode(other)));
        }
        match armed.signer.sign(&permit) {
            Ok(signature) => Answer {
                reply: Reply::RawSigned(signature),
                event: Event::RawSigned {
                    bytes: permit.bytes().len(),
                    took: clock.now().since(arrival),
                },
                releases: Releases::Raw,
            },
            Err(error) => {
                let message = format!("raw bytes not signed: {error}");
                let error = error_of(ReasonKind::SignerFailed, message.clone());
                let (kind, hrs) = (RequestKind::Raw, None);
                told(
                    Reply::RawRefused(error),
                    Event::SignerFailed { kind, hrs, message },
                )
            }
        }
    }
}
