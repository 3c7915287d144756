//! To which node a chain is served, where it is served to one at a time.
//!
//! Two nodes with one key hold locks of their own. Nobody signs twice for one position (W1), and still the key can be led through
//! votes that one honest node would not cast: a prevote of one node against the lock of the other ("amnesia"). Served to one
//! node at a time, the key follows the locks of one node until that one is silent for long.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// To which node a chain is served. Shared by all that ever opens the chain's key while the process lives.
#[derive(Debug, Default)]
pub struct OneNode {
    /// For how many seconds the chain stays with a node that is silent; 0 where every node is served.
    seconds: AtomicU64,
    /// Held for a comparison.
    hold: Mutex<Option<Hold>>,
}

/// The node that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hold {
    node: Arc<str>,
    /// When something of it was last admitted, by the clock that counts sleep.
    last: Duration,
}

/// Another node is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherNode {
    /// The one that is.
    pub node: Arc<str>,
    /// How long ago something was last signed for it.
    pub ago: Duration,
    /// For how long it may be silent.
    pub patience: Duration,
}

impl fmt::Display for OtherNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the chain is served to one node at a time (`nodes = \"sticky\"`), now to {}, for which it last signed {} s ago; \
             another is served when that one has had nothing signed for {} s",
            self.node,
            self.ago.as_secs(),
            self.patience.as_secs()
        )
    }
}

impl OneNode {
    /// From the next request on: one node at a time, and the next one after this long; `None` for any node at any time.
    pub fn stay(&self, patience: Option<Duration>) {
        let seconds = patience.map_or(0, |patience| patience.as_secs().max(1));
        self.seconds.store(seconds, Ordering::Relaxed);
    }

    fn patience(&self) -> Option<Duration> {
        match self.seconds.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        }
    }

    /// Whether a node may be served at `now`, by the clock that counts sleep.
    ///
    /// # Errors
    /// Another one is.
    pub fn may(&self, node: &str, now: Duration) -> Result<(), OtherNode> {
        let Some(patience) = self.patience() else {
            return Ok(());
        };
        match &*self.hold.lock() {
            Some(hold) if &*hold.node != node => {
                let ago = now.saturating_sub(hold.last);
                match ago < patience {
                    true => Err(OtherNode {
                        node: hold.node.clone(),
                        ago,
                        patience,
                    }),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Something of a node was admitted at `now`: the chain stays with it.
    pub fn serves(&self, node: &str, now: Duration) {
        if self.patience().is_none() {
            return;
        }
        let mut hold = self.hold.lock();
        match &mut *hold {
            Some(hold) if &*hold.node == node => hold.last = hold.last.max(now),
            _ => {
                *hold = Some(Hold {
                    node: node.into(),
                    last: now,
                });
            }
        }
    }

    /// The node that is served, and since when it has had nothing signed; `None` where every node is, or none was yet.
    pub fn served(&self, now: Duration) -> Option<(Arc<str>, Duration)> {
        self.patience()?;
        let hold = self.hold.lock().clone()?;
        Some((hold.node, now.saturating_sub(hold.last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_chain_stays_with_a_node_until_that_is_silent_for_long() {
        let one = OneNode::default();
        // Any node, and nobody is remembered.
        one.serves("a", SECOND);
        assert_eq!(one.may("b", SECOND), Ok(()));
        one.stay(Some(30 * SECOND));
        assert_eq!(one.may("b", SECOND), Ok(()));
        one.serves("b", 2 * SECOND);
        let other = one.may("a", 10 * SECOND).unwrap_err();
        assert_eq!((&*other.node, other.ago), ("b", 8 * SECOND));
        assert_eq!(one.may("b", 10 * SECOND), Ok(()));
        // Each admission counts anew; an older moment takes nothing back.
        one.serves("b", 20 * SECOND);
        one.serves("b", 19 * SECOND);
        assert!(one.may("a", 50 * SECOND - SECOND / 1000).is_err());
        assert_eq!(one.may("a", 50 * SECOND), Ok(()));
        one.serves("a", 50 * SECOND);
        assert!(one.may("b", 50 * SECOND).is_err());
        assert_eq!(one.served(51 * SECOND), Some(("a".into(), SECOND)));
        // Another patience counts at once, and none ends it.
        one.stay(Some(SECOND));
        assert_eq!(one.may("b", 51 * SECOND), Ok(()));
        one.stay(None);
        assert_eq!(one.may("b", 50 * SECOND), Ok(()));
        assert_eq!(one.served(51 * SECOND), None);
    }
}
