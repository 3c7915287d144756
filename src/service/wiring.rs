//! What runs for a chain, put together: at the start, and again when its configuration has changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chain::{Chain, ChainKeys, Lasting};
use crate::config::{ChainConfig, NodeConfig};
use crate::consensus::ChainId;
use crate::gate::word::guard::WordGuard;
use crate::observe::registry::{ChainEntry, KnownIdentities, LinkEntry, RegisteredKey};
use crate::observe::stats::chain::ChainStats;
use crate::os::clock::{Clock, SystemClock};
use crate::os::process::beat::Beat;
use crate::threads::Shutdown;

use super::arming::{Identities, SquattedName, Work};
use super::error::ServiceError;
use super::links::{RunningLink, prepare, start};
use super::roster::{Served, ServedKey, schedule};
use super::watchers::rpc::RpcWatch;
use super::watchers::shared;

/// What all chains have together: our identities, and what notices that the process was stopped.
#[derive(Clone)]
pub(super) struct Wiring {
    pub identities: Arc<Identities>,
    pub beat: Arc<Beat>,
    /// For each chain id that was ever served.
    lasting: Arc<Mutex<BTreeMap<ChainId, Lasting>>>,
}

/// What goes on of a chain whose key is opened anew.
pub(super) struct GoingOn {
    pub stats: ChainStats,
    /// It waits where it waited.
    pub guard: Arc<Mutex<WordGuard>>,
}

impl Wiring {
    pub fn telling(known: KnownIdentities) -> Self {
        Self {
            identities: Arc::new(Identities::telling(known)),
            beat: Arc::new(Beat::new(&SystemClock.now())),
            lasting: Arc::default(),
        }
    }

    /// A chain that is being opened, with its links, which wait for that.
    pub fn begin(
        &self,
        config: ChainConfig,
        before: Option<GoingOn>,
    ) -> Result<Served, ServiceError> {
        let (stats, guard) = match before {
            None => (
                ChainStats::new(None),
                Arc::new(Mutex::new(WordGuard::new(config.guard))),
            ),
            Some(GoingOn { stats, guard }) => {
                guard.lock().follow(config.guard);
                (stats, guard)
            }
        };
        let first = self.key(&config, &stats)?;
        let mut later = Vec::<Arc<ServedKey>>::new();
        let give_up = |later: &[Arc<ServedKey>]| {
            std::iter::once(&first)
                .chain(later)
                .for_each(|key| key.stop.trigger());
        };
        for key in &config.later {
            let key = self.key(key, &stats);
            later.push(key.inspect_err(|_| give_up(&later))?);
        }
        let router = ChainKeys::new(config.id.clone(), schedule(&first, &later));
        let router = Arc::new(router);
        let mut links = Vec::<Arc<RunningLink>>::new();
        for node in &config.nodes {
            let link = self.link(&router, &stats, node).inspect_err(|_| {
                links.iter().for_each(|link| link.end());
                give_up(&later);
            });
            links.push(link?);
        }
        let stop = Arc::new(Shutdown::default());
        let rpc = RpcWatch::begin(&config, &router, &stats, guard, &stop)
            .inspect_err(|_| {
                links.iter().for_each(|link| link.end());
                give_up(&later);
            })
            .map_err(ServiceError::Thread)?;
        let keys = std::iter::once(&first).chain(&later);
        let entry = entry_of(&config, &router, keys, &stats, &links).asking(rpc.witness());
        Ok(Served {
            router,
            first,
            later,
            config,
            stats,
            links,
            entry: Arc::new(entry),
            rpc: Arc::new(rpc),
            stop,
        })
    }

    /// A key of a chain that is being opened.
    pub fn key(
        &self,
        config: &ChainConfig,
        stats: &ChainStats,
    ) -> Result<Arc<ServedKey>, ServiceError> {
        let lasting = self
            .lasting
            .lock()
            .entry(config.id.clone())
            .or_default()
            .clone();
        lasting.one_node.stay(config.sticky);
        let chain = Chain::opening(config.id.clone()).sharing(lasting);
        let key = ServedKey {
            chain: Arc::new(chain),
            // A key that goes takes its device along, so no other key knows it.
            config: ChainConfig {
                later: Vec::new(),
                ..config.clone()
            },
            stats: stats.clone(),
            name: SquattedName::default(),
            work: Work::default(),
            stop: Arc::new(Shutdown::default()),
        };
        shared::watch(&key.config, &key.chain, &key.stop).map_err(ServiceError::Thread)?;
        Ok(Arc::new(key))
    }

    /// A link, dialled from now on.
    pub fn link(
        &self,
        chain: &Arc<ChainKeys>,
        stats: &ChainStats,
        node: &NodeConfig,
    ) -> Result<Arc<RunningLink>, ServiceError> {
        let link = prepare(chain, stats, node, &self.identities, &self.beat)?;
        start(link).map(Arc::new).map_err(ServiceError::Thread)
    }
}

/// What is seen of a chain with these links.
pub(super) fn entry_of<'a>(
    config: &ChainConfig,
    router: &Arc<ChainKeys>,
    keys: impl Iterator<Item = &'a Arc<ServedKey>>,
    stats: &ChainStats,
    links: &[Arc<RunningLink>],
) -> ChainEntry {
    let links = links.iter().map(|link| LinkEntry {
        addr: link.config.address.to_string(),
        stats: link.stats.clone(),
        in_flight: link.in_flight.clone(),
    });
    let keys = keys.map(|key| RegisteredKey::new(&key.config, key.chain.clone()));
    ChainEntry::new(
        config,
        router.clone(),
        keys.collect(),
        stats.clone(),
        links.collect(),
    )
}
