//! A chain is paused and resumed (W22).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::consensus::Hrs;
use crate::gate::pause::{ActivePause, Pause, PauseChange, PauseEnded, PauseFile};

use super::state::Chain;

/// How long requests in hand are waited for: one has its answer, whatever it is, before.
const PATIENCE: Duration = Duration::from_secs(4);

/// Whether nothing is left in hand from before a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// What the pause forbids is not signed any more.
    Yes,
    /// A request from before is in hand for longer than any should be; a disk or device hangs, and it may still be signed.
    No,
}

/// A chain that was paused.
#[derive(Debug)]
pub struct ChainPaused {
    /// What was before, and what is now.
    pub change: PauseChange,
    /// Whether it holds by now.
    pub drained: Drained,
    /// The watermark, after everything that was in hand.
    pub last: Option<Hrs>,
}

impl Chain {
    /// Pauses the chain, armed or not, and waits for what is in hand; `None` where another change does not come to its end.
    pub fn pause(&self, pause: Pause, file: &PauseFile) -> Option<ChainPaused> {
        let change = self.lasting().pause.pause(pause, file)?;
        Some(ChainPaused {
            change,
            drained: self.drained(),
            last: self.last(),
        })
    }

    /// Waits until everything that was begun by now has its signature, or none.
    pub(super) fn drained(&self) -> Drained {
        match self.signing() {
            Ok(armed) if !armed.drained(PATIENCE) => Drained::No,
            _ => Drained::Yes,
        }
    }

    /// Ends a pause and gives what it was, and whether there was a file; `None` where another change does not come to its end.
    ///
    /// # Errors
    /// It cannot be ended for good, and goes on.
    pub fn resume(&self, file: &PauseFile) -> Option<io::Result<PauseEnded>> {
        self.lasting().pause.resume(file)
    }

    /// The pause that was asked for, and whether nothing is signed by now.
    pub fn paused(&self) -> Option<(Arc<ActivePause>, bool)> {
        let active = self.lasting().pause.now()?;
        let in_effect = active.is_in_effect(self.last().map(|last| last.height));
        Some((active, in_effect))
    }

    /// The pause, where nothing is signed any more. Raw bytes have no height, so they stop when the votes do.
    pub(super) fn in_effect(&self) -> Option<Arc<ActivePause>> {
        let (active, in_effect) = self.paused()?;
        in_effect.then_some(active)
    }

    /// The watermark that the gate showed last, without waiting for it; `None` where there is none.
    pub fn last(&self) -> Option<Hrs> {
        self.signing().ok()?.shown.look().last
    }
}
