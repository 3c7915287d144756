//! The keys of a chain that goes on: some stay, some are added, some go, and each may have other heights (W23).

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::config::ChainConfig;
use crate::observe::registry::ClosingChains;
use crate::os::clock::SystemClock;
use crate::service::error::ServiceError;
use crate::service::parts::{LEAVE, Service};
use crate::service::roster::{Served, ServedKey, schedule};

use super::closing::{Closed, close_each};
use super::states::KeyFate;

/// What is different about the keys of a chain, once those that were added have their states.
pub(super) struct KeySwap {
    /// Other keys, or other heights.
    differs: bool,
    pub added: Vec<Arc<ServedKey>>,
    gone: Vec<Arc<ServedKey>>,
}

/// The keys of a chain that goes on.
pub(super) struct KeptKeys {
    pub first: Arc<ServedKey>,
    pub later: Vec<Arc<ServedKey>>,
    pub swap: KeySwap,
}

/// The first key and those that take over from it, and what is different.
pub(super) fn kept_keys(
    service: &Service,
    old: &Arc<Served>,
    config: &ChainConfig,
    fates: &[KeyFate],
) -> Result<KeptKeys, ServiceError> {
    let mut swap = KeySwap {
        differs: false,
        added: Vec::new(),
        gone: Vec::new(),
    };
    let mut key = |config: &ChainConfig, fate: Option<&KeyFate>| {
        let before = match fate {
            Some(KeyFate::Kept(index)) => old.keys().nth(*index),
            Some(KeyFate::Added) | None => None,
        };
        match before {
            Some(before) => {
                swap.differs |= before.config.activation_height != config.activation_height;
                Ok(goes_on(before, config))
            }
            None => {
                let key = service.wiring.key(config, &old.stats);
                let key = key.inspect_err(|_| swap.give_up())?;
                swap.added.push(key.clone());
                Ok(key)
            }
        }
    };
    let first = key(config, fates.first())?;
    let later = config.later.iter().zip(1..);
    let later = later
        .map(|(config, index)| key(config, fates.get(index)))
        .collect::<Result<Vec<_>, ServiceError>>()?;
    let stays = |index| fates.contains(&KeyFate::Kept(index));
    let gone = old.keys().zip(0..).filter(|(_, index)| !stays(*index));
    swap.gone = gone.map(|(key, _)| key.clone()).collect();
    swap.differs |= !swap.added.is_empty() || !swap.gone.is_empty();
    Ok(KeptKeys { first, later, swap })
}

/// The key with its gate, and what is said of it now.
fn goes_on(before: &ServedKey, config: &ChainConfig) -> Arc<ServedKey> {
    Arc::new(ServedKey {
        config: ChainConfig {
            // The one that is open.
            key: before.config.key.clone(),
            later: Vec::new(),
            ..config.clone()
        },
        ..before.clone()
    })
}

impl KeySwap {
    /// Requests go by the keys and heights of `now` from here on. Keys that are gone give their locks back when nothing asks
    /// them any more; those whose end takes longer are told as `closing`. A trouble is told.
    pub fn take_effect(&self, now: &Served, closing: &ClosingChains) -> Option<String> {
        if !self.differs {
            return None;
        }
        let drained = now.router.replace(schedule(&now.first, &now.later));
        self.gone.iter().for_each(|key| key.stop.trigger());
        closing.add(close_each(&self.gone, Closed::Keys, LEAVE, retire));
        (!drained).then(|| {
            format!(
                "{}: a request from before the reload is still in hand; a disk or device hangs, and the key that it went to may \
                 sign it",
                now.config.id
            )
        })
    }

    /// It does not come to that.
    pub fn give_up(&self) {
        self.added.iter().for_each(|key| key.stop.trigger());
    }
}

/// A key that signs no more.
pub(super) fn retire(key: &ServedKey) {
    let id = &key.config.id;
    if let Err(error) = key.chain.retire(Duration::from_millis(100), &SystemClock) {
        warn!(
            event = "no_clean_stop",
            chain = %id,
            "[{id}] the clean stop could not be recorded: {error}; a chown or chmod of the state file before it is \
             armed again will need a take-over"
        );
    }
}
