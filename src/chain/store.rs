//! What the service does for a chain's store, and what it sees of gate and key without waiting for them.

use std::time::Duration;

use crate::consensus::Height;
use crate::gate::store::StoreError;
use crate::gate::store::etcd::SharedHandle;
use crate::os::clock::Clock;
use crate::remedy::Commands;

use super::armed::KeySettings;
use super::seen::ChainSeen;
use super::state::Chain;

impl Chain {
    /// Whether the store failed and [`Chain::recover`] has work to do.
    pub fn is_broken(&self) -> bool {
        self.signing().is_ok_and(|armed| armed.shown.is_broken())
    }

    /// Tries to mend the store (W8), unless the gate is busy. `true` when it is mended.
    pub fn recover(&self, clock: &dyn Clock) -> bool {
        let Ok(armed) = self.signing() else {
            return true;
        };
        match armed.enter(Duration::from_millis(100)) {
            Some(mut gate) => gate.recover(&clock.now()),
            None => false,
        }
    }

    /// The end of this chain: nothing new is signed, and its store knows that it stopped cleanly, unless the gate stays
    /// busy for longer than `patience`.
    ///
    /// # Errors
    /// Why the store could not be told so.
    pub fn close(&self, patience: Duration, clock: &dyn Clock) -> Result<(), StoreError> {
        let Ok(armed) = self.signing() else {
            return Ok(());
        };
        match armed.enter(patience) {
            Some(mut gate) => gate.close(&clock.now()),
            None => Ok(()),
        }
    }

    /// The end of this chain in a service that goes on: as [`Chain::close`], and it only answers from now on. Its locks
    /// are given back as soon as no request is at the gate.
    ///
    /// # Errors
    /// Why the store could not be told.
    pub fn retire(&self, patience: Duration, clock: &dyn Clock) -> Result<(), StoreError> {
        let closed = self.close(patience, clock);
        self.take_out();
        closed
    }

    /// Other settings, from the next request on. `false` while the gate is busy; [`Chain::catch_up`] brings them then.
    pub fn follow(&self, wanted: KeySettings, clock: &dyn Clock) -> bool {
        *self.wanted.lock() = Some(wanted);
        self.catch_up(clock)
    }

    /// Lets an armed chain follow what [`Chain::follow`] was told last. `false` while the gate is busy.
    pub fn catch_up(&self, clock: &dyn Clock) -> bool {
        // A chain that is not armed does so when it is.
        let Ok(armed) = self.signing() else {
            return true;
        };
        let differs = |wanted: &KeySettings| !armed.is_so(wanted);
        if !self.wanted.lock().as_ref().is_some_and(differs) {
            return true;
        }
        let Some(mut gate) = armed.enter(Duration::from_millis(100)) else {
            return false;
        };
        // Read at the gate, so that of two who are there the later one does not bring back what was wanted before.
        if let Some(wanted) = self.wanted.lock().clone() {
            gate.follow(wanted.settings, wanted.commands.clone(), &clock.now());
            // Before anybody else may be at the gate: what is said of it is what it was told.
            self.replace_armed(armed.following(wanted));
        }
        drop(gate);
        true
    }

    /// What can be seen of an armed chain's store, where other hosts share it.
    pub fn shared(&self) -> Option<SharedHandle> {
        self.signing().ok()?.shared.clone()
    }

    /// Takes in what was seen of a shared store, unless the gate is busy: then votes bring the same.
    pub fn refresh(&self, clock: &dyn Clock) {
        let Ok(armed) = self.signing() else {
            return;
        };
        if let Some(mut gate) = armed.enter(Duration::from_millis(10)) {
            gate.refresh(&clock.now());
        }
    }

    /// How it is now. Enters no gate and waits for no device.
    pub fn seen(&self) -> ChainSeen {
        match self.signing_or_seen() {
            Err(seen) => seen,
            Ok(armed) => ChainSeen {
                public_key: Some(armed.signer.public_key()),
                why_unarmed: None,
                asks_devices: true,
                gate: Some(armed.shown.look()),
                key_trouble: armed.signer.unavailable_reason(),
                waits: self.lasting().hold.wait().map(|wait| wait.to_string()),
                shared: armed.shared.clone(),
                cosigners: armed.signer.cosigner().map(|cosigner| cosigner.sample()),
            },
        }
    }

    /// What the operator of an armed chain is told to run; `None` where there is no gate.
    pub fn commands(&self) -> Option<Commands> {
        Some(self.signing().ok()?.commands.clone())
    }

    /// The last height that a node asked for before the start, unless the operator set the watermark since.
    pub fn last_asked(&self) -> Option<Height> {
        self.signing().ok()?.last_asked
    }
}
