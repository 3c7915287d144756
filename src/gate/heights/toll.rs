//! What an advance costs (W11), and what to do about one that is too far.

use crate::consensus::{Height, Position};
use crate::os::clock::Moment;
use crate::remedy::CommandLine;

use crate::gate::Gate;
use crate::gate::refusal::{Reason, Refusal};

use super::plausible::Claim;

impl Gate {
    /// Takes the tokens for the heights up to this position.
    pub(in crate::gate) fn pay(
        &mut self,
        position: &Position,
        now: &Moment,
    ) -> Result<(), Refusal> {
        let ahead = match self.mark.hrs() {
            Some(last) => position.hrs.height.above(last.height),
            None => u64::try_from(position.hrs.height.get()).unwrap_or(u64::MAX),
        };
        let paid = match self.origin.free_advance() {
            Some(free) if ahead <= free => Ok(()),
            Some(free) => Err(free),
            None => self.bucket.take(ahead, now.boot),
        };
        paid.map_err(|allowed| {
            let reason = Reason::TooFarAhead {
                ahead,
                allowed,
                remedy: self.raise_below(position.hrs.height),
            };
            self.refuse(position, reason)
        })
    }

    /// The command after which this height is the next, if it can be one of this chain.
    fn raise_below(&self, height: Height) -> Option<CommandLine> {
        let below = Height::new(height.get().saturating_sub(1))?;
        let known = self.mark.hrs().map(|hrs| hrs.height);
        let is_plausible = Claim::of(below, known) == Claim::Plausible;
        is_plausible.then(|| self.commands.raise(&self.chain_id, below))
    }
}
