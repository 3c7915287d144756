//! A height that the chain has left behind, by somebody's word: nothing is signed up to there.
//!
//! It is kept in memory only. A watermark never goes down, so a wrong word that was written into it would silence a validator for good.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::consensus::Height;

/// The highest height that was said to be over; shared by all that ever opens the chain's key while the process lives.
#[derive(Debug, Default)]
pub struct Floor(AtomicI64);

impl Floor {
    /// Up to this height nothing is signed from the next request on. It never goes down.
    pub fn raise(&self, height: Height) {
        self.0.fetch_max(height.get(), Ordering::SeqCst);
    }

    /// As it is now; `None` where nobody has said anything.
    pub fn height(&self) -> Option<Height> {
        Height::new(self.0.load(Ordering::SeqCst))
    }

    /// The floor, where it forbids a height.
    pub fn forbids(&self, height: Height) -> Option<Height> {
        self.height().filter(|floor| height <= *floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forbids_itself_and_what_is_below_and_never_goes_down() {
        let height = |height| Height::new(height).unwrap();
        let floor = Floor::default();
        assert_eq!((floor.height(), floor.forbids(height(1))), (None, None));
        floor.raise(height(7));
        floor.raise(height(5));
        assert_eq!(floor.forbids(height(7)), Some(height(7)));
        assert_eq!(floor.forbids(height(1)), Some(height(7)));
        assert_eq!(floor.forbids(height(8)), None);
    }
}
