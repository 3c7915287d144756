//! What a chain does for the share that this host has of its key: the gate's part (W18).

use std::sync::Arc;
use std::time::Duration;

use crate::chain::deadline::DEVICE;
use crate::chain::state::Chain;
use crate::consensus::sign_bytes::NotCanonical;
use crate::consensus::{ChainId, ExtensionPosition, Height, Position, SignBytes, Signature};
use crate::cosigner::{GateStands, Given, JointSignature, MemberGate};
use crate::gate::permit::Permit;
use crate::gate::raw::RawRefused;
use crate::gate::refusal::{Reason, Refusal};
use crate::gate::{Learned, Prepared, ShareAdmission};
use crate::os::clock::{Clock, SystemClock};

/// How long a question waits for its turn at the gate, where a disk may be slow. Who asks has asked somebody else by then.
const GATE: Duration = Duration::from_secs(1);

/// How long a look at where a gate stands waits.
const LOOK: Duration = Duration::from_millis(100);

impl MemberGate for Chain {
    fn chain_id(&self) -> &ChainId {
        self.id()
    }

    /// In the order of a node's request: what the watermark forbids is called so first. `nodes` and `max_height` are about the nodes
    /// of the host that asks, and asked there.
    fn give(
        &self,
        bytes: Vec<u8>,
        ahead: &mut dyn FnMut(),
        share: &mut dyn FnMut(&Permit),
    ) -> Given {
        match self.leave(bytes, ahead, share) {
            Ok(given) => given,
            Err(refusal) => Given::Refused(refusal),
        }
    }

    fn learn(&self, bytes: Vec<u8>, signature: &Signature) -> Result<(), Refusal> {
        let armed = self.signing().map_err(|not| Refusal::of(not.reason()))?;
        let key = armed.signer.public_key();
        let mut gate = armed.enter(GATE).ok_or_else(busy)?;
        match gate.learn(bytes, signature, &key, &SystemClock.now()) {
            Learned::Advanced | Learned::Known | Learned::NotOurs => Ok(()),
            Learned::NotDurable => {
                let why = gate.snapshot().broken.unwrap_or_default().to_string();
                Err(Refusal::of(Reason::NotDurable(why)))
            }
        }
    }

    fn stands(&self) -> GateStands {
        let refused = |reason| Some(Refusal::of(reason).to_string());
        let armed = match self.signing() {
            Ok(armed) => armed,
            Err(not) => {
                return GateStands {
                    refuses: refused(not.reason()),
                    ..GateStands::default()
                };
            }
        };
        let shown = armed.shown.look();
        let mut stands = GateStands {
            at: shown.last,
            signed: None,
            refuses: match (self.in_effect(), self.lasting().hold.wait(), shown.broken) {
                (Some(active), _, _) => refused(Reason::paused(&active)),
                (None, Some(wait), _) => refused(Reason::AwaitsChain(wait)),
                (None, None, Some(why)) => refused(Reason::NotDurable(why.to_string())),
                (None, None, None) => None,
            },
        };
        // Not worth a wait: it is told again in a moment.
        if let Some(gate) = armed.enter(LOOK)
            && let Some((bytes, signature)) = gate.signed()
        {
            let (bytes, signature) = (bytes.clone(), signature.clone());
            stands.signed = Some(JointSignature { bytes, signature });
        }
        stands
    }
}

impl Chain {
    /// Where this has a share of a key: has the other members ask `chain`, which is about to take this one's state.
    pub fn have_cosigners_ask(&self, chain: &Arc<Chain>) {
        if let Ok(armed) = self.signing()
            && let Some(cosigner) = armed.signer.cosigner()
        {
            let chain: Arc<dyn MemberGate> = chain.clone();
            cosigner.join(self.id(), Arc::downgrade(&chain), self.last());
        }
    }

    /// Where this has a share of a key: it signs from now on, and asks the other members.
    pub fn begin_with_cosigners(&self) {
        if let Ok(armed) = self.signing()
            && let Some(cosigner) = armed.signer.cosigner()
        {
            cosigner.begin();
        }
    }

    fn leave(
        &self,
        bytes: Vec<u8>,
        ahead: &mut dyn FnMut(),
        share: &mut dyn FnMut(&Permit),
    ) -> Result<Given, Refusal> {
        let armed = self.signing().map_err(|not| Refusal::of(not.reason()))?;
        let shape = Shape::of(bytes);
        match shape.map_err(|error| Refusal::of(Reason::Invalid(error.into())))? {
            Shape::Message { bytes, height } => {
                let mut gate = armed.enter(GATE).ok_or_else(busy)?;
                let now = SystemClock.now();
                let judged = gate.judge(Prepared::of_bytes(bytes)?, &now)?;
                self.hears_chain(height).map_err(Refusal::of)?;
                let admission = judged.admit_share(now.monotonic + DEVICE, ahead)?;
                Ok(match admission {
                    ShareAdmission::Give(permit) => {
                        share(&permit);
                        Given::Share
                    }
                    ShareAdmission::Locked(bytes) => Given::Locked(bytes),
                    ShareAdmission::Signed {
                        signature,
                        timestamp,
                    } => Given::Signed {
                        signature,
                        timestamp,
                    },
                })
            }
            Shape::Extension { bytes, height } => {
                self.hears_chain(height).map_err(Refusal::of)?;
                let gate = armed.enter(GATE).ok_or_else(busy)?;
                let until = SystemClock.monotonic() + DEVICE;
                share(&gate.admit_extension(bytes, until)?);
                Ok(Given::Share)
            }
            Shape::Raw(bytes) => {
                // In this order: who pauses or hands over waits for what was begun before.
                let _outside = armed.outside();
                self.signing().map_err(|not| Refusal::of(not.reason()))?;
                if let Some(active) = self.in_effect() {
                    return Err(Refusal::of(Reason::paused(&active)));
                }
                if let Some(wait) = self.lasting().hold.wait() {
                    return Err(Refusal::of(Reason::AwaitsChain(wait)));
                }
                let until = SystemClock.monotonic() + DEVICE;
                let policy = armed.raw.as_ref().ok_or(RawRefused::NotAllowed);
                let permit = policy.and_then(|policy| policy.admit_bytes(self.id(), bytes, until));
                let permit = permit.map_err(|why| Refusal::of(Reason::RawBytes(why)))?;
                share(&permit);
                Ok(Given::Share)
            }
        }
    }
}

fn busy() -> Refusal {
    Refusal::of(Reason::Busy)
}

/// What bytes are, whatever they are said to be.
enum Shape {
    /// A vote or proposal.
    Message { bytes: Vec<u8>, height: Height },
    /// A vote extension.
    Extension { bytes: SignBytes, height: Height },
    /// Neither, of any chain.
    Raw(Vec<u8>),
}

impl Shape {
    fn of(bytes: Vec<u8>) -> Result<Self, NotCanonical> {
        match Position::read(&bytes) {
            Ok(position) => {
                let height = position.hrs.height;
                return Ok(Self::Message { bytes, height });
            }
            Err(NotCanonical::Encoding) => {}
            Err(error) => return Err(error),
        }
        match ExtensionPosition::read(&bytes) {
            Ok(at) => {
                let (bytes, _) = SignBytes::extension_from(bytes)?;
                let height = at.height;
                Ok(Self::Extension { bytes, height })
            }
            Err(NotCanonical::Encoding) => Ok(Self::Raw(bytes)),
            Err(error) => Err(error),
        }
    }
}
