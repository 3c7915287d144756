//! Does what a plan says.

use std::net::TcpListener;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::backends::KeySource;
use crate::config::{ChainConfig, Metrics};
use crate::observe::registry::ClosingChain;
use crate::os::clock::SystemClock;
use crate::service::arming::arm_beside;
use crate::service::error::ServiceError;
use crate::service::links::RunningLink;
use crate::service::parts::{LEAVE, Service};
use crate::service::roster::{Served, ServedKey};
use crate::service::watchers::rpc::RpcWatch;
use crate::service::wiring::{GoingOn, entry_of};
use crate::threads::give_way;

use super::closing::{Closed, close_each};
use super::key_swap::{KeptKeys, KeySwap, kept_keys, retire};
use super::plan::{Fate, NodeFate};
use super::refused::Refused;
use super::states::KeyFate;

/// How long a node that was added may take before those that are left are hung up on.
const NEW_FIRST: Duration = Duration::from_secs(3);
/// How long the answer waits for chains to be armed.
const ARMED: Duration = Duration::from_secs(10);
/// How long a device may take to be given back before it is opened in another way.
const GIVEN_BACK: Duration = Duration::from_secs(3);
/// Between two looks at what is waited for.
const TICK: Duration = Duration::from_millis(5);

/// Takes another address for the metrics before anything is changed, because it may not be had.
///
/// # Errors
/// It cannot be had.
pub(super) fn listen_first(
    service: &Service,
    before: &Metrics,
    now: &Metrics,
) -> Result<Option<TcpListener>, Refused> {
    match now.listen {
        Some(address) if before.listen != now.listen && service.observers.are_there() => {
            let (observers, registry) = (&service.observers, &service.registry);
            Ok(Some(observers.take_address(before, address, registry)?))
        }
        Some(_) | None => Ok(None),
    }
}

/// Follows a plan for the chains. What does not work of it is told, and which chains are still being closed. A host without room
/// for a thread may leave a chain out whose key was to be opened anew, until the next reload.
pub(super) fn follow(service: &Service, plan: Vec<(ChainConfig, Fate)>) -> Vec<String> {
    let before = service.roster.all();
    let mut troubles = Vec::new();
    let stays = |served: &Served| {
        plan.iter().any(|(config, fate)| {
            config.id == served.config.id && matches!(fate, Fate::Kept { .. })
        })
    };
    let (stay, go): (Vec<_>, Vec<_>) = before.iter().cloned().partition(|served| stays(served));
    let stats: Vec<_> = go
        .iter()
        .map(|served| {
            let (id, stats) = (served.config.id.clone(), served.stats.clone());
            (id, stats, served.rpc.guard())
        })
        .collect();
    if !go.is_empty() {
        service.registry.closing.add(take_out(&go));
        publish(service, &stay);
    }
    let given_back: Vec<Weak<dyn KeySource>> = go
        .iter()
        .flat_map(|served| served.config.keys())
        .map(|key| Arc::downgrade(&key.key))
        .collect();
    drop((before, go));
    wait(GIVEN_BACK, || {
        given_back.iter().all(|key| key.strong_count() == 0)
    });

    let (mut chains, mut begun, mut swaps) = (Vec::new(), Vec::<Arc<ServedKey>>::new(), Vec::new());
    let mut swapped = SwappedLinks::default();
    for (config, fate) in plan {
        give_way();
        let id = config.id.clone();
        let old = stay.iter().find(|served| served.config.id == id);
        let made = match (fate, old) {
            (Fate::Kept { nodes, keys }, Some(old)) => {
                let made = kept(service, old, config, (&nodes, &keys), &mut swapped);
                made.map(|(served, swap)| {
                    begun.extend(swap.added.iter().cloned());
                    swaps.push((served.clone(), swap));
                    served
                })
            }
            (Fate::Kept { .. } | Fate::Added | Fate::Reopened, _) => {
                let before = stats.iter().find(|(known, ..)| *known == id);
                let before = before.map(|(_, stats, guard)| GoingOn {
                    stats: stats.clone(),
                    guard: guard.clone(),
                });
                let made = service.wiring.begin(config, before);
                made.map(|served| {
                    let served = Arc::new(served);
                    begun.extend(served.keys().cloned());
                    served
                })
            }
        };
        match (made, old) {
            (Ok(served), _) => chains.push(served),
            (Err(error), old) => {
                let told = match old {
                    Some(_) => "it goes on as before",
                    None => "it is not served until the next reload",
                };
                troubles.push(format!("{id}: {error}; {told}"));
                chains.extend(old.cloned());
            }
        }
    }
    publish(service, &chains);
    let (tell, told) = channel();
    for served in &begun {
        if let Err(error) = arm_beside(served, &tell) {
            // The supervisor's next turn tries it again.
            let error = ServiceError::Thread(error);
            troubles.push(format!("{}: {error}", served.config.id));
        }
    }
    drop(tell);
    swapped.leave();
    let began = Instant::now();
    while let Some(rest) = ARMED.checked_sub(began.elapsed()) {
        if told.recv_timeout(rest) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    // What was added has its state by now, and may have its turn at once.
    for (served, swap) in &swaps {
        troubles.extend(swap.take_effect(served, &service.registry.closing));
    }
    let keys: Vec<_> = chains.iter().flat_map(|served| served.keys()).collect();
    let busy: Vec<_> = keys.iter().filter(|key| !key.follow()).collect();
    let follows = |key: &&&&Arc<ServedKey>| key.chain.catch_up(&SystemClock);
    wait(ARMED, || busy.iter().all(|key| follows(&key)));
    troubles.extend(busy.iter().filter(|key| !follows(key)).map(|served| {
        format!(
            "{}: a request has held the chain for {} s, so its settings are followed when that has ended",
            served.config.id,
            ARMED.as_secs()
        )
    }));
    troubles.extend(service.registry.closing.troubles());
    troubles.extend(begun.iter().filter_map(|served| {
        let why = served.chain.why_unarmed()?;
        Some(match served.config.activation_height {
            None => format!("{}: not armed: {why}", served.config.id),
            Some(height) => format!(
                "{}: the key that signs from height {height} on is not armed: {why}",
                served.config.id
            ),
        })
    }));
    troubles
}

/// Chains that are not served any more: votes in hand are finished, and their stores know that they stopped cleanly. Gives those
/// for which that takes too long.
fn take_out(go: &[Arc<Served>]) -> Vec<ClosingChain> {
    let links = || go.iter().flat_map(|served| &served.links);
    links().for_each(|link| link.end());
    let keys = || go.iter().flat_map(|served| served.keys());
    go.iter().for_each(|served| served.stop.trigger());
    keys().for_each(|key| key.stop.trigger());
    wait(LEAVE, || links().all(|link| !link.is_busy()));
    let keys: Vec<_> = keys().cloned().collect();
    close_each(&keys, Closed::Chains, LEAVE, retire)
}

/// What is served and seen from now on.
fn publish(service: &Service, chains: &[Arc<Served>]) {
    let entries = chains.iter().map(|served| served.entry.clone()).collect();
    service.registry.replace_chains(entries);
    service.roster.replace(chains.to_vec());
}

/// A chain that goes on.
fn kept(
    service: &Service,
    old: &Arc<Served>,
    config: ChainConfig,
    (nodes, keys): (&[NodeFate], &[KeyFate]),
    swapped: &mut SwappedLinks,
) -> Result<(Arc<Served>, KeySwap), ServiceError> {
    let KeptKeys { first, later, swap } = kept_keys(service, old, &config, keys)?;
    let config = ChainConfig {
        // Those that are open.
        key: first.config.key.clone(),
        later: later.iter().map(|key| key.config.clone()).collect(),
        ..config
    };
    old.first.chain.lasting().one_node.stay(config.sticky);
    let (mut links, mut added) = (Vec::new(), Vec::<Arc<RunningLink>>::new());
    for (node, fate) in config.nodes.iter().zip(nodes) {
        let before = match fate {
            NodeFate::Kept(index) | NodeFate::Again(index) => old.links.get(*index),
            NodeFate::Added => None,
        };
        if let (NodeFate::Kept(_), Some(link)) = (fate, before) {
            link.limit(node.max_height);
            links.push(link.clone());
            continue;
        }
        if let Some(link) = before {
            link.end();
            wait(LEAVE, || link.has_ended());
        }
        let link = service.wiring.link(&old.router, &old.stats, node);
        let link = link.inspect_err(|_| {
            added.iter().for_each(|link| link.end());
            swap.give_up();
        })?;
        added.push(link.clone());
        links.push(link);
    }
    old.rpc.guard().lock().follow(config.guard);
    // Others are asked, so what was said before is forgotten: nobody can say which of them said it.
    let rpc = match config.rpc == old.config.rpc {
        true => Ok(old.rpc.clone()),
        false => {
            let guard = old.rpc.guard();
            RpcWatch::begin(&config, &old.router, &old.stats, guard, &old.stop).map(Arc::new)
        }
    };
    let rpc = rpc
        .inspect_err(|_| {
            added.iter().for_each(|link| link.end());
            swap.give_up();
        })
        .map_err(ServiceError::Thread)?;
    swapped.added.extend(added);
    let goes_on = |link: &&Arc<RunningLink>| !links.iter().any(|other| Arc::ptr_eq(other, link));
    swapped
        .left
        .extend(old.links.iter().filter(goes_on).cloned());
    let all = std::iter::once(&first).chain(&later);
    let entry = entry_of(&config, &old.router, all, &old.stats, &links).remembering(&old.entry);
    let entry = entry.asking(rpc.witness());
    let served = Served {
        router: old.router.clone(),
        stats: old.stats.clone(),
        first,
        later,
        config,
        links,
        entry: Arc::new(entry),
        rpc,
        stop: old.stop.clone(),
    };
    Ok((Arc::new(served), swap))
}

/// Links that a reload made, and those that it leaves.
#[derive(Default)]
struct SwappedLinks {
    added: Vec<Arc<RunningLink>>,
    left: Vec<Arc<RunningLink>>,
}

impl SwappedLinks {
    /// Hangs up on nodes that are left, when those that are dialled in their stead are up or had their time.
    fn leave(&self) {
        if !self.left.is_empty() {
            wait(NEW_FIRST, || {
                self.added.iter().all(|link| link.stats.is_up())
            });
        }
        self.left.iter().for_each(|link| link.end());
        wait(LEAVE, || self.left.iter().all(|link| !link.is_busy()));
    }
}

/// Waits for at most `time` until something is so.
fn wait(time: Duration, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() && began.elapsed() < time {
        sleep(TICK);
    }
}
