//! The only place where things are wired: keys, gates, links, threads, signals and the end.
//!
//! One thread a link, nothing shared between chains: each is armed on a thread of its own and dialled as soon as that is
//! done, whatever the others wait for. Gates and their locks live in the chains and outlive links.

mod arming;
mod beat;
mod error;
mod links;
mod moving;
mod observers;
mod parts;
mod reload;
mod roster;
mod signals;
mod supervisor;
mod watchers;
mod wiring;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::config::Config;
use crate::observe::registry::{KnownIdentities, Registry};
use crate::observe::serve::control::Actions;
use crate::os::clock::SystemClock;
use crate::os::process::signals::Signals;
use crate::threads::{Reloads, Shutdown, ShutdownCause};

use arming::Mending;
pub use arming::{NOTICED, hook, identity_of, store_of, with_older_files};
pub use error::ServiceError;
use links::RunningLink;
use moving::ServiceMover;
use observers::SharedObservers;
use parts::{LEAVE, Service};
pub use reload::{Again, LogOverruled};
use reload::{Closed, close_each};
use roster::{Roster, ServedKey};
use supervisor::Supervisor;
use wiring::Wiring;

/// How long the start is waited for before the service is called ready all the same: chains that answer by then do not
/// depend on a device that does not.
const START: Duration = Duration::from_secs(10);
/// How often the start looks whether it was asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Acts on signals from now on: ends the service for those that ask for it, asks for a reload, and says why for all others.
///
/// # Errors
/// [`ServiceError::Thread`].
pub fn watch_signals(
    signals: Signals,
    stop: &Arc<Shutdown>,
    reloads: Reloads,
) -> Result<(), ServiceError> {
    signals::watch(signals, stop, reloads)
}

/// Runs until a signal or [`Shutdown::trigger`].
///
/// # Errors
/// Whatever keeps it from running at all; no trouble of one chain, node, disk or port does.
pub fn run(config: Config, again: Again, stop: &Arc<Shutdown>) -> Result<(), ServiceError> {
    let known = KnownIdentities::default();
    let wiring = Wiring::telling(known.clone());
    let roster = Arc::new(Roster::default());
    let chains = config.chains.iter().cloned();
    let chains = chains
        .map(|chain| wiring.begin(chain, None).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()?;
    let entries = chains.iter().map(|served| served.entry.clone()).collect();
    roster.replace(chains);
    let (mending, opening) = Mending::begin(roster.clone())?;
    beat::keep(&wiring.beat, &roster, stop)?;
    let registry = Arc::new(Registry::new(
        &config,
        entries,
        known,
        again.dropped.clone(),
    ));
    let service = Service {
        roster: roster.clone(),
        registry,
        wiring,
        observers: SharedObservers::default(),
        stop: stop.clone(),
    };
    let ended = observe_and_supervise(&service, config, again, mending, &opening);
    // Without a supervisor nothing goes on signing.
    stop.trigger();
    leave(&roster);
    close(&roster);
    service.observers.end();
    // A device ends its session with the last owner of its key, and other threads know these lists to the end.
    roster.replace(Vec::new());
    service.registry.replace_chains(Vec::new());
    ended?;
    how_it_ended(stop)
}

fn observe_and_supervise(
    service: &Service,
    config: Config,
    again: Again,
    mut mending: Mending,
    opening: &Receiver<()>,
) -> Result<(), ServiceError> {
    let stop = &service.stop;
    let begun = Instant::now();
    let actions = Actions {
        reloads: again.reloads.clone(),
        mover: Arc::new(ServiceMover::of(service.roster.clone())),
    };
    let observe = || {
        service
            .observers
            .begin(&config, &service.registry, actions.clone(), stop)
            .map_err(ServiceError::Thread)
    };
    let mut observed = false;
    // Not before a chain is ours: a second service by mistake touches neither the port nor the socket of the first one.
    while !stop.is_set() && begun.elapsed() < START {
        let all_tried = opening.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected);
        if !observed && mending.one_is_ours() {
            observe()?;
            observed = true;
        }
        if all_tried {
            break;
        }
    }
    if !observed && !stop.is_set() && mending.all_elsewhere().is_none() {
        observe()?;
    }
    reload::keep(service, config, again).map_err(ServiceError::Thread)?;
    supervise(service, &mut mending, opening);
    Ok(())
}

/// Mends stores, arms chains, and waits for the end.
fn supervise(service: &Service, mending: &mut Mending, opening: &Receiver<()>) {
    let (roster, stop) = (&service.roster, &service.stop);
    let mut supervisor = Supervisor::begin(service.registry.clone());
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
        if roster.nobody_dials() {
            stop.trigger_for(ShutdownCause::AllEnded);
        }
        if stop.wait(Duration::from_secs(1)) {
            break;
        }
        supervisor.turn();
        mending.turn();
        roster.each_link(RunningLink::leave_to_others);
    }
    supervisor.end();
}

/// Ends links in order: no new request is read, and votes in hand are finished.
fn leave(roster: &Roster) {
    let all = roster.all();
    all.iter().for_each(|served| served.stop.trigger());
    roster.keys().iter().for_each(|key| key.stop.trigger());
    roster.each_link(RunningLink::end);
    let end = Instant::now();
    while roster.any_link(RunningLink::is_busy) && end.elapsed() < LEAVE {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Leaves word of a clean stop beside each state file (W15). A chain whose disk hangs gets none.
fn close(roster: &Roster) {
    let close_one = |key: &ServedKey| {
        let (id, chain) = (&key.config.id, &key.chain);
        if let Err(error) = chain.close(Duration::from_millis(100), &SystemClock) {
            warn!(
                event = "no_clean_stop",
                chain = %id,
                "[{id}] the clean stop could not be recorded: {error}; a chown or chmod of the state file before the next \
                 start will need a take-over"
            );
        }
    };
    for closing in close_each(&roster.keys(), Closed::Chains, LEAVE, close_one) {
        warn!(event = "no_clean_stop", "{}", closing.trouble());
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
