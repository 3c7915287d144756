//! A height that the chain has left behind, by somebody's word: nothing is signed up to there.
//!
//! It is kept in memory only. A watermark never goes down, so a wrong word that was written into it would silence a validator for good.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::consensus::Height;

/// Whose word a floor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloorSource {
    /// The program of `state_hook`.
    StateHook,
    /// Votes of this key in commits, shown by the nodes of `rpc`.
    Commits,
}

/// Up to this height nothing is signed. Displayed as the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloorHeight {
    /// The height.
    pub height: Height,
    /// Whose word it is.
    pub source: FloorSource,
}

impl fmt::Display for FloorHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, source } = self;
        match source {
            FloorSource::StateHook => write!(
                f,
                "the chain was at height {height} already when this signer armed it, by what its `state_hook` said, so up to \
                 there nothing is signed; the node is behind, or the state of this signer was"
            ),
            FloorSource::Commits => write!(
                f,
                "this key has signed up to height {height}, as the commits of the chain show, so up to there nothing is signed \
                 again; the state of this signer was behind, or another signer has this key"
            ),
        }
    }
}

/// The highest height that was said to be over. Looked at without a lock.
#[derive(Debug, Default)]
pub struct Floor(ArcSwapOption<FloorHeight>);

impl Floor {
    /// Up to this height nothing is signed from the next request on. It never goes down.
    pub fn raise(&self, to: FloorHeight) {
        let raised = Arc::new(to);
        self.0.rcu(|now| match now {
            Some(now) if now.height >= to.height => Some(now.clone()),
            _ => Some(raised.clone()),
        });
    }

    /// As it is now; `None` where nobody has said anything.
    pub fn now(&self) -> Option<FloorHeight> {
        self.0.load().as_deref().copied()
    }

    /// The floor, where it forbids a height.
    pub fn forbids(&self, height: Height) -> Option<FloorHeight> {
        self.now().filter(|floor| height <= floor.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forbids_itself_and_what_is_below_and_never_goes_down() {
        let height = |height| Height::new(height).unwrap();
        let of = |at, source| FloorHeight {
            height: height(at),
            source,
        };
        let floor = Floor::default();
        assert_eq!((floor.now(), floor.forbids(height(1))), (None, None));
        let seven = of(7, FloorSource::StateHook);
        floor.raise(seven);
        floor.raise(of(5, FloorSource::Commits));
        assert_eq!(floor.forbids(height(7)), Some(seven));
        assert_eq!(floor.forbids(height(1)), Some(seven));
        assert_eq!(floor.forbids(height(8)), None);
        floor.raise(of(8, FloorSource::Commits));
        assert_eq!(
            floor.forbids(height(8)).unwrap().source,
            FloorSource::Commits
        );
    }
}
