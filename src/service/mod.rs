//! The only place where things are wired: keys, gates, links, threads, signals and the end.
//!
//! One thread a link, nothing shared between chains. Gates and their locks live in the chains and outlive links.

mod arm;
pub mod control;
mod sink;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::{error, info};

use crate::chain::Chain;
use crate::config::{Config, NodeConfig};
use crate::consensus::Height;
use crate::events::{Event, Sink};
use crate::link::redial::Redial;
use crate::link::{Address, Closer, IdentityKey, Timeouts, dial};
use crate::observe::board::Board;
use crate::observe::log::LogSink;
use crate::os::clock::SystemClock;
use crate::session::{Hand, serve};

use arm::{Identities, arm};
pub use arm::{identity_of, with_older_files};
use control::{Known, KnownChain};
use sink::LinkSink;

/// The stack of a link's thread in bytes.
const STACK: usize = 256 * 1024;
/// How long votes in hand may take at the end.
const LEAVE: Duration = Duration::from_secs(3);
/// A link that lived less long than this is not dialled again at once.
const LIVED: Duration = Duration::from_secs(1);
/// How often the same trouble of a link is told again.
const REPEAT: Duration = Duration::from_secs(60);

/// Why the service does not run, or ended by itself. Exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Other processes hold every chain.
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
pub fn run(config: &Config, stop: &Arc<Stop>) -> Result<(), ServiceError> {
    let mut identities = Identities::default();
    let mut links = Vec::new();
    let mut chains = Vec::new();
    let mut locked = Vec::new();
    let mut known = Vec::new();
    for chain in &config.chains {
        match arm(chain) {
            Err(error) => {
                error!("[{}] not dialled: {error}", chain.id);
                known.push(KnownChain::new(chain, Err(error.to_string())));
                locked.push(error.to_string());
            }
            Ok(armed) => {
                let armed = Arc::new(armed);
                let mut entry = KnownChain::new(chain, Ok(armed.clone()));
                for node in &chain.nodes {
                    if let Some(link) = prepare(&armed, node, &mut identities) {
                        entry
                            .links
                            .push((node.address.to_string(), link.sink.board.clone()));
                        links.push(link);
                    }
                }
                known.push(entry);
                chains.push(armed);
            }
        }
    }
    if chains.is_empty() {
        return Err(ServiceError::NoChain(locked.join("; ")));
    }
    if links.is_empty() {
        return Err(ServiceError::NoLink(identities.problems.join("; ")));
    }
    watch_signals(stop)?;
    let mut running = Vec::new();
    for link in links {
        running.push(start(link, stop)?);
    }
    // Its socket goes away with it, at the end of this function.
    let _control = control::serve(
        config,
        Known {
            config: config.name.clone(),
            started: Instant::now(),
            chains: known,
        },
    );
    supervise(&chains, &running, stop)
}

/// A link before its thread runs.
struct Prepared {
    chain: Arc<Chain>,
    address: Address,
    identity: Option<IdentityKey>,
    times: Timeouts,
    reconnect: bool,
    max_height: Option<Height>,
    sink: LinkSink,
}

fn prepare(chain: &Arc<Chain>, node: &NodeConfig, identities: &mut Identities) -> Option<Prepared> {
    let identity = match &node.identity {
        Some(source) => Some(identities.load(source)?),
        None => None,
    };
    Some(Prepared {
        chain: chain.clone(),
        identity,
        times: node.timeouts,
        reconnect: node.reconnect,
        max_height: node.max_height,
        sink: LinkSink {
            log: LogSink::new(chain.id().as_str(), &node.address.to_string()),
            board: Board::default(),
        },
        address: node.address.clone(),
    })
}

/// A link's thread, and how to end it.
struct Running {
    hand: Arc<Hand>,
    closer: Arc<Mutex<Option<Closer>>>,
    ended: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

fn start(link: Prepared, stop: &Arc<Stop>) -> Result<Running, ServiceError> {
    let hand = Arc::new(Hand::default());
    let closer = Arc::new(Mutex::new(None));
    let ended = Arc::new(AtomicBool::new(false));
    let (inner_hand, inner_closer) = (hand.clone(), closer.clone());
    let (inner_ended, inner_stop) = (ended.clone(), stop.clone());
    let thread = thread::Builder::new()
        .name("link".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            keep_up(&link, &inner_hand, &inner_closer, &inner_stop);
            inner_ended.store(true, Ordering::SeqCst);
        })
        .map_err(ServiceError::Thread)?;
    Ok(Running {
        hand,
        closer,
        ended,
        thread,
    })
}

/// Dials, serves, and dials again, for ever.
fn keep_up(link: &Prepared, hand: &Hand, closer: &Mutex<Option<Closer>>, stop: &Stop) {
    let mut redial = Redial::default();
    let mut told: Option<(&'static str, Instant)> = None;
    // The last link ended as soon as it was made, and that was told a moment ago.
    let mut flapping = false;
    loop {
        if stop.wait(redial.delay(random())) {
            return;
        }
        let hold = |new: Closer| {
            if hand.stop.load(Ordering::SeqCst) {
                new.close();
            }
            *closer.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
        };
        let began = Instant::now();
        let (code, message, was_up) =
            match dial(&link.address, link.identity.as_ref(), &link.times, hold) {
                Ok(mut connection) => {
                    let peer = connection.peer().map(|peer| peer.to_string());
                    if !flapping {
                        link.sink.emit(&Event::LinkUp { peer });
                    }
                    let end = serve(
                        &mut connection,
                        &link.chain,
                        link.max_height,
                        hand,
                        &SystemClock,
                        &link.sink,
                    );
                    connection.close();
                    if connection.frames() > 0 && began.elapsed() >= LIVED {
                        redial.lived();
                    }
                    (end.code(), end.to_string(), true)
                }
                Err(error) => (error.code(), error.to_string(), false),
            };
        closer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if stop.is_set() {
            return;
        }
        // Neither a node that is down for a night nor one that hangs up at once fills the log.
        let lived = was_up && began.elapsed() >= LIVED;
        let news = lived || told.is_none_or(|(last, at)| last != code || at.elapsed() >= REPEAT);
        flapping = was_up && !lived;
        if news {
            told = Some((code, Instant::now()));
            link.sink.emit(&Event::LinkDown {
                code,
                message,
                was_up,
            });
        }
        if !link.reconnect {
            return;
        }
    }
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, and nothing else is lost.
    let _ = getrandom::getrandom(&mut bytes);
    u32::from_le_bytes(bytes)
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
fn supervise(chains: &[Arc<Chain>], running: &[Running], stop: &Stop) -> Result<(), ServiceError> {
    let mut mending: HashMap<usize, JoinHandle<()>> = HashMap::new();
    let mut all_ended = false;
    while !stop.wait(Duration::from_secs(1)) {
        mend(chains, &mut mending);
        if running.iter().all(|link| link.ended.load(Ordering::SeqCst)) {
            all_ended = true;
            break;
        }
    }
    stop.ring();
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
            info!("stopped");
            Ok(())
        }
    }
}

/// A store that failed is tried again every second, on a thread of its own, because a sick disk may hang (W8).
fn mend(chains: &[Arc<Chain>], mending: &mut HashMap<usize, JoinHandle<()>>) {
    mending.retain(|_, thread| !thread.is_finished());
    for (index, chain) in chains.iter().enumerate() {
        if !chain.is_broken() || mending.contains_key(&index) {
            continue;
        }
        let chain = chain.clone();
        let started = thread::Builder::new()
            .name("mend".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                if chain.recover(&SystemClock) {
                    info!("[{}] the state file is durable again", chain.id());
                }
            });
        if let Ok(thread) = started {
            mending.insert(index, thread);
        }
    }
}
