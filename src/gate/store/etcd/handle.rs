//! What the store of a shared chain and the thread that watches etcd have in common.

use std::sync::Arc;

use parking_lot::Mutex;

use super::cas::KeyState;
use super::stats::SharedStats;

/// What the thread that watches etcd saw last, for the store to take in, and the revision that was known when it asked.
pub type Inbox = Arc<Mutex<Option<(KeyState, i64)>>>;

/// What an armed shared chain lets others see and tell.
#[derive(Clone)]
pub struct SharedHandle {
    /// What is counted.
    pub stats: Arc<SharedStats>,
    /// What was seen of etcd, for the store to take in.
    pub inbox: Inbox,
}
