//! The only place where things are wired: keys, gates, links, threads, signals and the end.
//!
//! One thread a link, nothing shared between chains. Gates and their locks live in the chains and outlive links.

mod arm;
pub mod control;
mod disk;
mod health;
mod http;
mod known;
mod links;
mod sink;
mod textfile;
mod watch;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::info;

use crate::chain::Chain;
use crate::config::{ChainConfig, Config};
use crate::observe::book::Book;
use crate::observe::log::Dropped;
use crate::os::clock::SystemClock;

use arm::{Identities, arm, arm_later};
pub use arm::{identity_of, with_older_files};
pub use http::bind;
use known::{Known, KnownChain, KnownLink};
use links::{Running, prepare, start};
use watch::Watch;

/// The stack of a link's thread in bytes.
const STACK: usize = 256 * 1024;
/// How long votes in hand may take at the end.
const LEAVE: Duration = Duration::from_secs(3);
/// Between two tries to arm a chain whose key, device or state was not there.
const ARM_AGAIN: Duration = Duration::from_secs(5);

/// Why the service does not run, or ended by itself. Exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Other processes hold every chain. A second `start` by mistake ends with this, and does not lie in wait.
    #[error("no chain is left to sign for: {0}")]
    NoChain(String),
    /// No node can be dialled.
    #[error("no node can be dialled: {0}")]
    NoLink(String),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}; look at this host's limits of threads and memory")]
    Thread(std::io::Error),
    /// Signals could not be taken.
    #[error("signals cannot be taken: {0}")]
    Signals(std::io::Error),
    /// The address for metrics is taken or no address of this host. Exit code 2.
    #[error(
        "the address {address} of [metrics] cannot be listened on: {source}; name a free port of this host in `listen`, \
         a node on this host may have taken 26660 for its own metrics"
    )]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// All links ended and none is to be dialled again.
    #[error("every link has ended, and all validators say `reconnect = false`")]
    AllEnded,
}

/// Tells all threads to end.
#[derive(Default)]
pub struct Stop {
    set: Mutex<bool>,
    bell: Condvar,
}

impl Stop {
    /// Asks everyone to stop.
    pub fn ring(&self) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    /// Waits for at most `time`; `true` when everyone is asked to stop.
    pub fn wait(&self, time: Duration) -> bool {
        let set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let (set, _) = self
            .bell
            .wait_timeout_while(set, time, |set| !*set)
            .unwrap_or_else(PoisonError::into_inner);
        *set
    }

    fn is_set(&self) -> bool {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs until a signal or [`Stop::ring`].
pub fn run(config: &Config, dropped: Dropped, stop: &Arc<Stop>) -> Result<(), ServiceError> {
    // Before anything is armed: a port that is taken is a matter of the configuration.
    let listener = config.metrics.listen.map(http::bind).transpose()?;
    let mut identities = Identities::default();
    let mut links = Vec::new();
    let mut chains = Vec::new();
    let mut known = Vec::new();
    for config in &config.chains {
        let chain = Arc::new(arm(config));
        let mut entry = KnownChain::new(config, chain.clone());
        for node in &config.nodes {
            if let Some(link) = prepare(&chain, &entry.book, node, &mut identities) {
                entry.links.push(KnownLink {
                    addr: node.address.to_string(),
                    board: link.sink.board.clone(),
                    hand: link.hand.clone(),
                });
                links.push(link);
            }
        }
        chains.push(Served {
            chain,
            config: config.clone(),
            book: entry.book.clone(),
        });
        known.push(entry);
    }
    if chains.iter().all(|served| served.chain.is_elsewhere()) {
        let why: Vec<String> = chains
            .iter()
            .filter_map(|served| served.chain.why_unarmed())
            .collect();
        return Err(ServiceError::NoChain(why.join("; ")));
    }
    if links.is_empty() {
        return Err(ServiceError::NoLink(identities.problems.join("; ")));
    }
    watch_signals(stop)?;
    let mut running = Vec::new();
    for link in links {
        running.push(start(link, stop)?);
    }
    let known = Arc::new(Known::new(config, known, dropped));
    // Its socket goes away with it, at the end of this function.
    let _control = control::serve(config, known.clone(), stop);
    let _textfile = textfile::keep(config.metrics.textfile.as_deref(), &known, stop)?;
    disk::keep(&known, stop)?;
    if let Some(listener) = listener {
        http::serve(listener, known.clone())?;
    }
    supervise(&known, &chains, &running, stop)
}

/// What the supervisor needs to arm a chain later.
struct Served {
    chain: Arc<Chain>,
    config: ChainConfig,
    book: Book,
}

fn watch_signals(stop: &Arc<Stop>) -> Result<(), ServiceError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals =
        signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).map_err(ServiceError::Signals)?;
    let stop = stop.clone();
    thread::Builder::new()
        .name("signals".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            for _ in signals.forever() {
                stop.ring();
            }
        })
        .map(drop)
        .map_err(ServiceError::Thread)
}

/// Mends stores, waits for the end, and ends links in order.
fn supervise(
    known: &Arc<Known>,
    chains: &[Served],
    running: &[Running],
    stop: &Stop,
) -> Result<(), ServiceError> {
    let mut mending: HashMap<usize, JoinHandle<()>> = HashMap::new();
    let mut armed_at = Instant::now();
    let mut all_ended = false;
    let mut watch = Watch::begin(known.clone());
    while !stop.wait(Duration::from_secs(1)) {
        watch.turn();
        let try_arming = armed_at.elapsed() >= ARM_AGAIN;
        if try_arming {
            armed_at = Instant::now();
        }
        mend(chains, try_arming, &mut mending);
        running.iter().for_each(Running::leave_to_others);
        if running.iter().all(|link| link.ended.load(Ordering::SeqCst)) {
            all_ended = true;
            break;
        }
    }
    stop.ring();
    watch.end();
    for link in running {
        link.hand.stop.store(true, Ordering::SeqCst);
        if let Some(closer) = &*link.closer.lock().unwrap_or_else(PoisonError::into_inner) {
            closer.stop_reading();
        }
    }
    let end = Instant::now();
    let busy = |link: &Running| link.hand.busy.load(Ordering::SeqCst) && !link.thread.is_finished();
    while running.iter().any(busy) && end.elapsed() < LEAVE {
        thread::sleep(Duration::from_millis(5));
    }
    match all_ended {
        true => Err(ServiceError::AllEnded),
        false => {
            info!(event = "stopped", "stopped");
            Ok(())
        }
    }
}

/// A store that failed is tried again every second (W8), a chain that is not armed or was another's every few, and a device
/// whose thread hangs gets another; on a thread of its own, because a sick disk or device may hang.
fn mend(chains: &[Served], try_arming: bool, mending: &mut HashMap<usize, JoinHandle<()>>) {
    mending.retain(|_, thread| !thread.is_finished());
    for (index, served) in chains.iter().enumerate() {
        let chain = &served.chain;
        let unarmed = try_arming && chain.why_unarmed().is_some();
        let ailing = served.config.key.is_ailing();
        if !(chain.is_broken() || unarmed || ailing) || mending.contains_key(&index) {
            continue;
        }
        let chain = chain.clone();
        let key = ailing.then(|| served.config.key.clone());
        let arming = unarmed.then(|| (served.config.clone(), served.book.clone()));
        let started = thread::Builder::new()
            .name("mend".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                if let Some(key) = key {
                    key.mend();
                }
                if let Some((config, book)) = arming {
                    arm_later(&config, &chain);
                    book.begin_after(chain.last_asked());
                } else if chain.is_broken() && chain.recover(&SystemClock) {
                    info!(event = "durable_again", chain = %chain.id(), "[{}] the state file is durable again", chain.id());
                }
            });
        if let Ok(thread) = started {
            mending.insert(index, thread);
        }
    }
}
