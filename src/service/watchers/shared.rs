//! One look a second at each shared watermark, on a thread of its own: so that a host on standby keeps its floor
//! (W17).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::chain::Chain;
use crate::config::ChainConfig;
use crate::gate::store::etcd::Watcher;
use crate::os::clock::SystemClock;
use crate::threads::{LARGE_STACK, Shutdown, spawn_observer};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// Begins to look, where the chain is shared.
pub(in crate::service) fn watch(
    config: &ChainConfig,
    chain: &Arc<Chain>,
    stop: &Arc<Shutdown>,
) -> io::Result<()> {
    if config.etcd.is_none() {
        return Ok(());
    }
    let (config, chain, until) = (config.clone(), chain.clone(), stop.clone());
    spawn_observer("watch", LARGE_STACK, stop, move || {
        let (mut watcher, mut told) = (None, None);
        while !until.wait(EVERY) {
            look(&config, &chain, &mut watcher, &mut told);
        }
    })
}

/// The chain may be armed late, so what is needed is made when it is. Why it cannot be made is logged once, until that changes.
fn look(
    config: &ChainConfig,
    chain: &Chain,
    watcher: &mut Option<Watcher>,
    told: &mut Option<String>,
) {
    let (Some(settings), Some(handle), Some(key)) =
        (&config.etcd, chain.shared(), chain.public_key())
    else {
        return;
    };
    if watcher.is_none() {
        match Watcher::new(settings, &config.id, &key) {
            Ok(new) => *watcher = Some(new),
            Err(error) => {
                let why = error.to_string();
                if told.as_ref() != Some(&why) {
                    warn!(
                        event = "etcd",
                        chain = %config.id,
                        "[{}] etcd is not looked at: {why}; it is tried again every second",
                        config.id
                    );
                    *told = Some(why);
                }
                return;
            }
        }
    }
    if let Some(watcher) = watcher
        && watcher.look(&handle)
    {
        chain.refresh(&SystemClock);
    }
}
