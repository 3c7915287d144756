//! What an advance costs (W11), and what to do about one that is too far.

use std::time::Duration;

use crate::consensus::{ChainId, Height, Hrs};
use crate::gate::store::Origin;
use crate::remedy::{CommandLine, Commands};

use super::bucket::Bucket;
use super::plausible::Claim;

/// An advance that nothing pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFar {
    /// So many heights above the last.
    pub ahead: u64,
    /// So many are allowed now.
    pub allowed: u64,
}

/// Takes the tokens for the heights from the watermark at `last` to `next`, at the boot time `now`.
pub fn pay(
    bucket: &mut Bucket,
    origin: Origin,
    last: Option<Hrs>,
    next: Height,
    now: Duration,
) -> Result<(), TooFar> {
    let ahead = match last {
        Some(last) => next.above(last.height),
        None => u64::try_from(next.get()).unwrap_or(u64::MAX),
    };
    let paid = match origin.free_advance() {
        Some(free) if ahead <= free => Ok(()),
        Some(free) => Err(free),
        None => bucket.take(ahead, now),
    };
    paid.map_err(|allowed| TooFar { ahead, allowed })
}

/// The command after which this height is the next, if it can be one of this chain.
pub fn raise_below(
    height: Height,
    last: Option<Hrs>,
    chain_id: &ChainId,
    commands: &Commands,
) -> Option<CommandLine> {
    let below = Height::new(height.get().saturating_sub(1))?;
    let is_plausible = Claim::of(below, last.map(|hrs| hrs.height)) == Claim::Plausible;
    is_plausible.then(|| commands.raise(chain_id, below))
}
