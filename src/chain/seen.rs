//! A chain at one moment, for those who only look.

use crate::consensus::PublicKey;
use crate::cosigner::CosignersSample;
use crate::gate::snapshot::GateSnapshot;
use crate::gate::store::etcd::SharedHandle;

/// A chain at one moment, from one look at its state: no part contradicts another.
#[derive(Clone)]
pub struct ChainSeen {
    /// The public key, where it is known.
    pub public_key: Option<PublicKey>,
    /// Why it does not sign, if so.
    pub why_unarmed: Option<String>,
    /// Whether its devices are asked for it by this process: not while the first try to open its key goes on, and not
    /// where another process signs for it.
    pub asks_devices: bool,
    /// What the gate showed last; `None` where there is none.
    pub gate: Option<GateSnapshot>,
    /// Why its key does not sign although it is held.
    pub key_trouble: Option<String>,
    /// Why nothing is signed yet although it is armed.
    pub waits: Option<String>,
    /// What can be seen of the store, where other hosts share it.
    pub shared: Option<SharedHandle>,
    /// The hosts that have shares of its key, where this is one of them.
    pub cosigners: Option<CosignersSample>,
}

impl ChainSeen {
    /// A chain that does not sign.
    pub(super) fn unarmed(
        public_key: Option<PublicKey>,
        why_unarmed: String,
        asks_devices: bool,
    ) -> Self {
        Self {
            public_key,
            why_unarmed: Some(why_unarmed),
            asks_devices,
            gate: None,
            key_trouble: None,
            waits: None,
            shared: None,
            cosigners: None,
        }
    }
}
