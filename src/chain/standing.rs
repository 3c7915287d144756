//! How a chain stands: it signs, it only answers, or it is another process's (W7).

use std::sync::{Arc, PoisonError, RwLock};

use crate::consensus::{ChainId, PublicKey};

use super::{Armed, Chain};

/// A chain is armed once and stays so.
pub(super) enum Standing {
    Armed(Arc<Armed>),
    /// It only answers.
    Unarmed {
        /// What is known of the key.
        public_key: Option<PublicKey>,
        why: String,
        /// Another process signs for it.
        elsewhere: bool,
    },
}

impl Chain {
    /// A chain that signs.
    pub fn armed(id: ChainId, armed: Armed) -> Self {
        Self {
            id,
            standing: RwLock::new(Standing::Armed(Arc::new(armed))),
        }
    }

    /// A chain that only answers, and why.
    pub fn unarmed(id: ChainId, public_key: Option<PublicKey>, why: String) -> Self {
        Self::without_gate(id, public_key, why, false)
    }

    /// A chain that another process signs for: its nodes are that one's, and none is to be dialled (W7).
    pub fn elsewhere(id: ChainId, public_key: Option<PublicKey>, why: String) -> Self {
        Self::without_gate(id, public_key, why, true)
    }

    fn without_gate(
        id: ChainId,
        public_key: Option<PublicKey>,
        why: String,
        elsewhere: bool,
    ) -> Self {
        let standing = Standing::Unarmed {
            public_key,
            why,
            elsewhere,
        };
        Self {
            id,
            standing: RwLock::new(standing),
        }
    }

    /// Takes the standing of `other`, a later try to arm this chain. An armed chain keeps its gate whatever comes.
    pub fn stand_as(&self, other: Chain) {
        let other = other
            .standing
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut standing = self
            .standing
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Standing::Unarmed { .. } = &*standing {
            *standing = other;
        }
    }

    fn look<T>(&self, look: impl FnOnce(&Standing) -> T) -> T {
        look(&self.standing.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What signs, or why nothing does.
    pub(super) fn signing(&self) -> Result<Arc<Armed>, String> {
        self.look(|standing| match standing {
            Standing::Armed(armed) => Ok(armed.clone()),
            Standing::Unarmed { why, .. } => Err(why.clone()),
        })
    }

    /// The chain id.
    pub fn id(&self) -> &ChainId {
        &self.id
    }

    /// The public key, where it is known.
    pub fn public_key(&self) -> Option<PublicKey> {
        self.look(|standing| match standing {
            Standing::Armed(armed) => Some(armed.signer.public_key()),
            Standing::Unarmed { public_key, .. } => *public_key,
        })
    }

    /// Why it does not sign, if so.
    pub fn why_unarmed(&self) -> Option<String> {
        self.signing().err()
    }

    /// Whether another process signs for it.
    pub fn is_elsewhere(&self) -> bool {
        self.look(|standing| {
            matches!(
                standing,
                Standing::Unarmed {
                    elsewhere: true,
                    ..
                }
            )
        })
    }
}
