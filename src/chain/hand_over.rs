//! The end of a chain on this host, because another one goes on (W21).

use std::fmt;
use std::time::Duration;

use crate::gate::store::Store;
use crate::gate::watermark::Watermark;
use crate::os::clock::Clock;

use super::state::Chain;

/// Why a chain was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum NotHandedOver<E> {
    /// It is not armed, so no gate has its state.
    #[error("the chain is not armed")]
    NotArmed,
    /// Its gate was busy for too long.
    #[error("a request has held the chain for too long")]
    Busy,
    /// It could not be sealed, and goes on.
    #[error("{0}")]
    Failed(E),
}

impl Chain {
    /// Hands an armed chain over to another host: waits for the vote in hand, `patience` at most, has the gate sealed, and
    /// signs nothing afterwards. `seal` is that of [`crate::gate::Gate::hand_over`].
    ///
    /// # Errors
    /// [`NotHandedOver`]; then the chain is what it was.
    pub fn hand_over<T, E: fmt::Display>(
        &self,
        patience: Duration,
        clock: &dyn Clock,
        seal: impl FnOnce(&Watermark, Duration, &mut dyn Store) -> Result<(T, String), E>,
    ) -> Result<T, NotHandedOver<E>> {
        let armed = self.signing().map_err(|_| NotHandedOver::NotArmed)?;
        let mut gate = armed.enter(patience).ok_or(NotHandedOver::Busy)?;
        let (value, why) = gate
            .hand_over(&clock.now(), |watermark, written, store| {
                let (value, why) = seal(watermark, written, store)?;
                Ok(((value, why.clone()), why))
            })
            .map_err(NotHandedOver::Failed)?;
        self.give_away(armed.signer.public_key(), why);
        drop(gate);
        // Extensions and raw bytes are signed outside of the section. What hangs in a device is not waited for: its permit is
        // over by then.
        let _ = armed.drained(patience);
        Ok(value)
    }
}
