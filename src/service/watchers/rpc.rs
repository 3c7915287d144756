//! What the chain says of our votes: a thread for each RPC address, off the signing path.
//!
//! Each endpoint has a thread of its own, so that one that hangs holds up no other; no two chains share anything.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::{info, warn};

use crate::chain::ChainKeys;
use crate::config::ChainConfig;
use crate::consensus::ChainId;
use crate::gate::word::guard::WordGuard;
use crate::observe::stats::chain::ChainStats;
use crate::rpc::{Endpoint, JudgedHeight, OurKeys, Turn, VoteOutcome, Witness};
use crate::threads::{LARGE_STACK, Shutdown, spawn_observer};

use super::word::Warden;

/// How often each endpoint is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How often it is looked what follows from their answers.
const GUARDED: Duration = Duration::from_millis(250);

/// The endpoints of a chain that are asked; ends with its last owner.
pub(in crate::service) struct RpcWatch {
    witness: Option<Arc<Witness>>,
    guard: Arc<Mutex<WordGuard>>,
    stop: Arc<Shutdown>,
}

impl RpcWatch {
    /// Begins to ask, where the configuration names whom. It ends with `chain_stop`, too.
    pub fn begin(
        config: &ChainConfig,
        chain: &Arc<ChainKeys>,
        stats: &ChainStats,
        guard: Arc<Mutex<WordGuard>>,
        chain_stop: &Arc<Shutdown>,
    ) -> io::Result<Self> {
        let endpoints = Endpoint::all(&config.rpc, &config.id);
        let names = endpoints.iter().map(Endpoint::name);
        let witness = Arc::new(Witness::new(names));
        let watch = Self {
            witness: (!endpoints.is_empty()).then(|| witness.clone()),
            guard: guard.clone(),
            stop: Arc::default(),
        };
        if watch.witness.is_some() {
            // Before it is armed, so that nothing is signed in between.
            chain.wait_for(guard.lock().waits());
            let warden = Warden::new(
                chain.clone(),
                witness.clone(),
                guard,
                stats.clone(),
                config.pause_file(),
            );
            let warden = Mutex::new(warden);
            let (stop, chain_stop) = (watch.stop.clone(), chain_stop.clone());
            spawn_observer("word", LARGE_STACK, &watch.stop, move || {
                let mut warden = warden.lock();
                while !chain_stop.is_set() && !stop.wait(GUARDED) {
                    warden.look();
                }
            })?;
        } else {
            // Whoever is asked later finds a chain that signs.
            *guard.lock() = WordGuard::opened(config.guard);
            chain.wait_for(None);
        }
        for endpoint in endpoints {
            let thread = RpcThread {
                chain: chain.clone(),
                guard: watch.guard.clone(),
                stats: stats.clone(),
                witness: witness.clone(),
                stop: watch.stop.clone(),
                chain_stop: chain_stop.clone(),
            };
            let endpoint = Mutex::new(endpoint);
            spawn_observer("rpc", LARGE_STACK, &watch.stop, move || {
                thread.ask(&mut endpoint.lock());
            })?;
        }
        Ok(watch)
    }

    /// The guard, which goes on where others are asked.
    pub fn guard(&self) -> Arc<Mutex<WordGuard>> {
        self.guard.clone()
    }

    /// What they said; `None` where nobody is asked.
    pub fn witness(&self) -> Option<Arc<Witness>> {
        self.witness.clone()
    }
}

impl Drop for RpcWatch {
    fn drop(&mut self) {
        self.stop.trigger();
    }
}

/// What the thread of an endpoint needs.
struct RpcThread {
    chain: Arc<ChainKeys>,
    guard: Arc<Mutex<WordGuard>>,
    stats: ChainStats,
    witness: Arc<Witness>,
    stop: Arc<Shutdown>,
    chain_stop: Arc<Shutdown>,
}

impl RpcThread {
    fn ask(&self, endpoint: &mut Endpoint) {
        let ended = || self.stop.is_set() || self.chain_stop.is_set();
        let id = self.chain.id();
        while !ended() {
            let keys = OurKeys {
                now: self.chain.public_key(),
                at: &|height| self.chain.public_key_at(height),
                begun: self.chain.begun().map(|begun| begun.height),
                first: self.chain.first().map(|first| first.height),
                looks_back: self.guard.lock().looks_back(),
            };
            let turn = endpoint.turn(&keys, &self.witness, &ended);
            if ended() {
                return;
            }
            tell(id, &endpoint.name(), &turn);
            let gate = |height| self.stats.vote_at(height);
            for judged in self.witness.judge(Instant::now(), gate) {
                self.note(id, judged);
            }
            self.stop.wait(EVERY);
        }
    }

    fn note(&self, id: &ChainId, judged: JudgedHeight) {
        if judged.outcome != VoteOutcome::Uncommitted {
            return;
        }
        let height = judged.height;
        self.stats.uncommitted(height);
        warn!(
            event = "uncommitted",
            chain = %id,
            height = height.get(),
            "[{id}] the precommit that was signed at height {height} is not in the commit of its block: it came too late, or \
             did not reach the other validators; look at the node's peers and at its clock, and at `late` and latency here"
        );
    }
}

fn tell(id: &ChainId, name: &str, turn: &Turn) {
    match turn {
        Turn::Failed(trouble) => warn!(
            event = "rpc",
            chain = %id,
            endpoint = name,
            "[{id}] the RPC of {name} is not used: {trouble}; it is asked again every second"
        ),
        Turn::Recovered => info!(
            event = "rpc",
            chain = %id,
            endpoint = name,
            "[{id}] the RPC of {name} answers again"
        ),
        Turn::Same => {}
    }
}
