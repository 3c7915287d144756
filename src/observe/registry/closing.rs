//! Chains, and keys of chains, that were taken out and are not closed yet, because their disks hang.

use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;

use crate::consensus::ChainId;

/// A chain whose end is under way; who brings it about has its key and its locks until then.
pub(crate) struct ClosingChain {
    id: ChainId,
    /// The one key of it that goes, where the chain goes on with others.
    key: Option<String>,
    began: Instant,
    /// Gone when it has ended.
    token: Weak<()>,
}

impl ClosingChain {
    /// One whose end begins now, of all of it or of the key at this place, and what is to be dropped when it has come.
    pub fn begin(id: ChainId, key: Option<String>) -> (Self, Arc<()>) {
        let token = Arc::new(());
        let closing = Self {
            id,
            key,
            began: Instant::now(),
            token: Arc::downgrade(&token),
        };
        (closing, token)
    }

    /// Whether it has ended meanwhile.
    pub fn is_over(&self) -> bool {
        self.token.strong_count() == 0
    }

    /// What the operator is told.
    pub fn trouble(&self) -> String {
        let (id, seconds) = (&self.id, self.began.elapsed().as_secs());
        match &self.key {
            None => format!(
                "{id}: still being closed after {seconds} s: its disk may hang; nothing is signed for it, and this process has its \
                 locks until it is closed"
            ),
            Some(place) => format!(
                "{id}: the {place} is still being closed after {seconds} s: the disk of its state may hang; it signs no more, and \
                 this process has its locks until it is closed"
            ),
        }
    }
}

/// All of them. Held briefly.
#[derive(Default)]
pub(crate) struct ClosingChains(Mutex<Vec<ClosingChain>>);

impl ClosingChains {
    /// Some more.
    pub fn add(&self, chains: Vec<ClosingChain>) {
        self.0.lock().extend(chains);
    }

    /// What the operator is told of those that have not ended.
    pub fn troubles(&self) -> Vec<String> {
        let mut all = self.0.lock();
        all.retain(|closing| !closing.is_over());
        let mut troubles: Vec<String> = all.iter().map(ClosingChain::trouble).collect();
        // A chain with several keys is said once.
        troubles.dedup();
        troubles
    }
}
