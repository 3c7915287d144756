//! The only place where things are wired: keys, gates, links, threads, signals and the end.
//!
//! One thread a link, nothing shared between chains: each is armed on a thread of its own and dialled as soon as that is
//! done, whatever the others wait for. Gates and their locks live in the chains and outlive links.

mod arm;
mod beat;
mod error;
mod links;
mod mend;
mod shared;
mod signals;
mod supervisor;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::chain::Chain;
use crate::config::Config;
use crate::observe::disk;
use crate::observe::log::Dropped;
use crate::observe::registry::{ChainEntry, KnownIdentities, LinkEntry, Registry};
use crate::observe::serve::{control, http, textfile};
use crate::os::clock::{Clock, SystemClock};
use crate::os::process::beat::Beat;
use crate::os::process::signals::Signals;
use crate::threads::{Shutdown, ShutdownCause};

use arm::{Identities, SquattedName};
pub use arm::{NOTICED, identity_of, store_of, with_older_files};
pub use error::ServiceError;
use links::{RunningLink, prepare, start};
use mend::{Mending, Served};
use supervisor::Supervisor;

/// How long votes in hand may take at the end.
const LEAVE: Duration = Duration::from_secs(3);
/// How long the start is waited for before the service is called ready all the same: chains that answer by then do not
/// depend on a device that does not.
const START: Duration = Duration::from_secs(10);
/// How often the start looks whether it was asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Acts on signals from now on: ends the service for those that ask for it, and says why for all others.
///
/// # Errors
/// [`ServiceError::Thread`].
pub fn watch_signals(signals: Signals, stop: &Arc<Shutdown>) -> Result<(), ServiceError> {
    signals::watch(signals, stop)
}

/// Runs until a signal or [`Shutdown::trigger`].
///
/// # Errors
/// Whatever keeps it from running at all; no trouble of one chain, node, disk or port does.
pub fn run(config: &Config, dropped: Dropped, stop: &Arc<Shutdown>) -> Result<(), ServiceError> {
    let known = KnownIdentities::default();
    let identities = Arc::new(Identities::telling(known.clone()));
    let beat = Arc::new(Beat::new(&SystemClock.now()));
    let mut links = Vec::new();
    let mut chains = Vec::new();
    let mut entries = Vec::new();
    for config in &config.chains {
        let chain = Arc::new(Chain::opening(config.id.clone()));
        let mut entry = ChainEntry::new(config, chain.clone());
        for node in &config.nodes {
            let link = prepare(&chain, &entry.stats, node, &identities, &beat)?;
            entry.links.push(LinkEntry {
                addr: node.address.to_string(),
                stats: link.sink.link.clone(),
                in_flight: link.in_flight.clone(),
            });
            links.push(link);
        }
        chains.push(Served {
            chain,
            config: config.clone(),
            stats: entry.stats.clone(),
            name: SquattedName::default(),
        });
        entries.push(entry);
    }
    let (mending, opening) = Mending::begin(chains)?;
    let mut running = Vec::new();
    for link in links {
        running.push(start(link, stop)?);
    }
    let running = Arc::new(running);
    beat::keep(&beat, &running, stop)?;
    let registry = Arc::new(Registry::new(config, entries, known, dropped));
    let observers = observe_and_supervise(config, &registry, mending, &opening, &running, stop);
    // Without a supervisor nothing goes on signing.
    stop.trigger();
    leave(&running);
    close(&registry);
    drop(observers?);
    how_it_ended(stop)
}

fn observe_and_supervise(
    config: &Config,
    registry: &Arc<Registry>,
    mut mending: Mending,
    opening: &Receiver<()>,
    running: &[RunningLink],
    stop: &Arc<Shutdown>,
) -> Result<Option<Observers>, ServiceError> {
    let begun = Instant::now();
    let mut observers = None;
    // Not before a chain is ours: a second service by mistake touches neither the port nor the socket of the first one.
    while !stop.is_set() && begun.elapsed() < START {
        let all_tried = opening.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected);
        if observers.is_none() && mending.one_is_ours() {
            observers = Some(observe(config, registry, stop).map_err(ServiceError::Thread)?);
        }
        if all_tried {
            break;
        }
    }
    if observers.is_none() && !stop.is_set() && mending.all_elsewhere().is_none() {
        observers = Some(observe(config, registry, stop).map_err(ServiceError::Thread)?);
    }
    supervise(registry, &mut mending, opening, running, stop);
    Ok(observers)
}

/// What must be let go at the end of the service: the control socket and the text file.
struct Observers {
    _control: control::Control,
    _textfile: Option<textfile::Kept>,
}

fn observe(
    config: &Config,
    registry: &Arc<Registry>,
    stop: &Arc<Shutdown>,
) -> io::Result<Observers> {
    let observers = Observers {
        _control: control::serve(config, registry.clone(), stop)?,
        _textfile: textfile::keep(config.metrics.textfile.as_deref(), registry, stop)?,
    };
    disk::keep(registry, stop)?;
    for (chain, entry) in config.chains.iter().zip(&registry.chains) {
        shared::watch(chain, &entry.chain, stop)?;
    }
    if let Some(address) = config.metrics.listen {
        http::serve(address, &config.metrics.hosts, registry.clone(), stop)?;
    }
    Ok(observers)
}

/// Mends stores, arms chains, and waits for the end.
fn supervise(
    registry: &Arc<Registry>,
    mending: &mut Mending,
    opening: &Receiver<()>,
    running: &[RunningLink],
    stop: &Shutdown,
) {
    let mut supervisor = Supervisor::begin(registry.clone());
    let mut all_tried = false;
    loop {
        while !all_tried {
            match opening.try_recv() {
                Ok(()) => {}
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => all_tried = true,
            }
        }
        // Asked once: while the service runs, what others take and give back is waited for.
        if all_tried
            && !mending.concluded()
            && let Some(why) = mending.conclude()
        {
            stop.trigger_for(ShutdownCause::NoChain(why));
        }
        if running.iter().all(RunningLink::has_ended) {
            stop.trigger_for(ShutdownCause::AllEnded);
        }
        if stop.wait(Duration::from_secs(1)) {
            break;
        }
        supervisor.turn();
        mending.turn();
        running.iter().for_each(RunningLink::leave_to_others);
    }
    supervisor.end();
}

/// Ends links in order: no new request is read, and votes in hand are finished.
fn leave(running: &[RunningLink]) {
    running.iter().for_each(RunningLink::stop_reading);
    let end = Instant::now();
    while running.iter().any(RunningLink::is_busy) && end.elapsed() < LEAVE {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Leaves word of a clean stop beside each state file (W15). A chain whose disk hangs gets none.
fn close(registry: &Registry) {
    for ChainEntry { id, chain, .. } in &registry.chains {
        if let Err(error) = chain.close(Duration::from_millis(100), &SystemClock) {
            warn!(
                event = "no_clean_stop",
                chain = %id,
                "[{id}] the clean stop could not be recorded: {error}; a chown or chmod of the state file before the next \
                 start will need a take-over"
            );
        }
    }
}

fn how_it_ended(stop: &Shutdown) -> Result<(), ServiceError> {
    match stop.cause() {
        Some(ShutdownCause::AllEnded) => Err(ServiceError::AllEnded),
        Some(ShutdownCause::NoChain(why)) => Err(ServiceError::NoChain(why)),
        Some(ShutdownCause::Panicked(thread)) => Err(ServiceError::Panicked(thread)),
        Some(ShutdownCause::Emergency(arrived)) => Err(ServiceError::Signal(arrived)),
        Some(ShutdownCause::Signal(arrived)) => {
            let signal = arrived.signal.to_string();
            info!(event = "stopped", signal, "stopped by {arrived}");
            Ok(())
        }
        Some(ShutdownCause::Asked) | None => {
            info!(event = "stopped", "stopped");
            Ok(())
        }
    }
}
