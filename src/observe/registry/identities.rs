//! Who this signer is to its nodes: the identity keys of its links, as far as they were read.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::consensus::{PublicKey, key_text};
use crate::link::{IdentityKey, Libp2pId};
use crate::observe::status::IdentityStatus;
use crate::secret_file::SecretSource;

/// The identity keys, by where they are written. As many as the configuration names. Clones know the same.
#[derive(Clone, Default)]
pub(crate) struct KnownIdentities(Arc<Mutex<BTreeMap<String, IdentityStatus>>>);

impl KnownIdentities {
    /// This one was read. Gives its status.
    pub fn know(&self, source: &SecretSource, identity: &IdentityKey) -> IdentityStatus {
        let key = PublicKey::Ed25519(identity.public_key());
        self.put(IdentityStatus {
            source: source.to_string(),
            peer_id: Some(identity.peer_id().to_string()),
            libp2p_peer_id: Some(Libp2pId::of(identity).to_string()),
            public_key: Some(key_text::to_base64(&key)),
            trouble: None,
        })
    }

    /// This one cannot be read.
    pub fn miss(&self, source: &SecretSource, why: &str) {
        self.put(IdentityStatus {
            source: source.to_string(),
            trouble: Some(why.to_owned()),
            ..IdentityStatus::default()
        });
    }

    /// All that were tried.
    pub fn all(&self) -> Vec<IdentityStatus> {
        self.0.lock().values().cloned().collect()
    }

    /// Forgets all others.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.0.lock().retain(|source, _| keep(source));
    }

    fn put(&self, status: IdentityStatus) -> IdentityStatus {
        let mut all = self.0.lock();
        all.insert(status.source.clone(), status.clone());
        status
    }
}
