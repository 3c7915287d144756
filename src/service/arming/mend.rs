//! Arms chains at the start and later, and mends what failed: each on a thread of its own, because a sick disk or an
//! absent device may hold its thread for long.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tracing::{error, info};

use crate::backends::{Device, DeviceSample, all_down};
use crate::config::ChainConfig;
use crate::consensus::{ChainId, Height};
use crate::os::clock::SystemClock;

use super::arm::{arm, arm_later};
use crate::service::error::ServiceError;
use crate::service::roster::{Roster, ServedKey};

/// Between two tries to arm a chain whose key, device or state was not there.
const ARM_AGAIN: Duration = Duration::from_secs(5);

/// After so many turns, of a second each, without a device that answers it is told.
const GONE: u32 = 2;

/// The chains, and the threads that work on them: at most one a chain.
pub(in crate::service) struct Mending {
    roster: Arc<Roster>,
    tried: Instant,
    concluded: bool,
    /// For how many turns in a row each key of each chain has had no device that answers.
    gone: HashMap<(ChainId, Option<Height>), u32>,
}

impl Mending {
    /// Begins to arm all chains at once. The receiver hears from each and is disconnected when all first tries are done.
    pub fn begin(roster: Arc<Roster>) -> Result<(Self, Receiver<()>), ServiceError> {
        let (tell, told) = channel();
        for key in roster.keys() {
            arm_beside(&key, &tell).map_err(ServiceError::Thread)?;
        }
        let mending = Self {
            roster,
            tried: Instant::now(),
            concluded: false,
            gone: HashMap::new(),
        };
        Ok((mending, told))
    }

    /// Whether one of the chains was tried, and no other process holds it.
    pub fn one_is_ours(&self) -> bool {
        let all = self.roster.all();
        all.iter()
            .any(|served| served.router.is_free() && !served.router.is_opening())
    }

    /// Where other processes hold every chain: what is known of them.
    pub fn all_elsewhere(&self) -> Option<String> {
        let all = self.roster.all();
        // A reload may just have taken all of them out.
        if all.is_empty() || !all.iter().all(|served| served.router.is_elsewhere()) {
            return None;
        }
        let why: Vec<String> = all
            .iter()
            .filter_map(|served| served.router.why_unarmed())
            .collect();
        Some(why.join("; "))
    }

    /// Whether [`Mending::conclude`] was asked.
    pub fn concluded(&self) -> bool {
        self.concluded
    }

    /// After all first tries: why there is nothing to do here.
    pub fn conclude(&mut self) -> Option<String> {
        self.concluded = true;
        self.all_elsewhere()
    }

    /// A store that failed is tried again every second (W8); the name of a lock that another process occupied, a chain that
    /// is not armed and one that another process held, every few seconds. A device whose thread hangs gets another.
    pub fn turn(&mut self) {
        let try_arming = self.tried.elapsed() >= ARM_AGAIN;
        if try_arming {
            self.tried = Instant::now();
        }
        let all = self.roster.keys();
        self.gone
            .retain(|known, _| all.iter().any(|served| which(&served.config) == *known));
        // One that a reload is taking out is not armed again.
        for served in all.iter().filter(|served| !served.stop.is_set()) {
            // A reload may have come while the chain was being armed or its gate was busy.
            served.chain.catch_up(&SystemClock);
            if try_arming {
                served.name.retake(&served.chain);
            }
            // Other hosts may be there again at any moment, and a vote would not wait.
            let soon = try_arming || served.config.etcd.is_some();
            let unarmed = soon && served.chain.why_unarmed().is_some();
            let devices = served.config.key.devices();
            let ailing = devices.iter().any(|device| device.needs_repair());
            if served.chain.why_unarmed().is_none() {
                tell_if_gone(
                    &served.config,
                    &devices,
                    self.gone.entry(which(&served.config)).or_default(),
                );
            }
            if !(served.chain.is_broken() || unarmed || ailing) {
                continue;
            }
            let inner = served.clone();
            // The log tells of one that panics, and the next turn tries again. A host without room for a thread may have some
            // in a second.
            let _ = served
                .work
                .begin("mend", move || mend(&inner, ailing, unarmed));
        }
    }
}

/// A key among all.
fn which(config: &ChainConfig) -> (ChainId, Option<Height>) {
    (config.id.clone(), config.activation_height)
}

/// The first try to arm a key of a chain, on a thread of its own. `tell` hears when it is done, whatever came of it.
pub(in crate::service) fn arm_beside(served: &Arc<ServedKey>, tell: &Sender<()>) -> io::Result<()> {
    let (inner, tell) = (served.clone(), tell.clone());
    served.work.begin("arm", move || {
        arm(&inner.config, &inner.chain, &inner.stats, &inner.name);
        // The receiver is gone where the service ends in the meantime.
        let _ = tell.send(());
    })
}

/// Tries to arm a chain of which the caller has the work.
pub(in crate::service) fn arm_now(served: &ServedKey) {
    arm_later(&served.config, &served.chain, &served.stats, &served.name);
}

/// Tells, once, that no device of a chain answers any more. For a moment none may, and a vote waits that long.
fn tell_if_gone(config: &ChainConfig, devices: &[&dyn Device], turns: &mut u32) {
    let samples: Vec<DeviceSample> = devices.iter().map(|device| device.status()).collect();
    let Some(why) = all_down(&samples) else {
        *turns = 0;
        return;
    };
    *turns = turns.saturating_add(1);
    if *turns == GONE {
        let chain = &config.id;
        error!(
            event = "no_device",
            chain = %chain,
            "[{chain}] no device that holds its key answers, so nothing is signed for it until one does: {why}"
        );
    }
}

fn mend(served: &ServedKey, ailing: bool, unarmed: bool) {
    let ServedKey {
        chain,
        config,
        stats,
        name,
        ..
    } = served;
    if ailing {
        let devices = config.key.devices().into_iter();
        let ailing = devices.filter(|device| device.needs_repair());
        ailing.for_each(|device| device.repair());
    }
    if unarmed {
        arm_later(config, chain, stats, name);
    } else if chain.is_broken() && chain.recover(&SystemClock) {
        info!(event = "durable_again", chain = %chain.id(), "[{}] the watermark is durable again", chain.id());
    }
}
