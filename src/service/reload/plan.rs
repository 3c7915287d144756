//! What another configuration asks of a service that runs: pure, nothing is done here.

use std::collections::BTreeSet;

use crate::backends::KeySource;
use crate::config::{ChainConfig, Config, NodeAddress, NodeConfig};
use crate::consensus::ChainId;
use crate::link::Address;

use super::change::{Change, Setting};
use super::refused::{Fixed, Refused};

/// What becomes of each chain.
pub(super) struct ReloadPlan {
    /// The chains of the new configuration, in its order.
    pub chains: Vec<(ChainConfig, Fate)>,
    /// What is different, in words' stead.
    pub changes: Vec<Change>,
}

/// What becomes of one chain of the new configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was not there.
    Added,
    /// Its key is opened in another way, so gate and links are made again.
    Reopened,
    /// It goes on with its gate, key and lock; one fate for each of its nodes, in their order.
    Kept(Vec<NodeFate>),
}

/// What becomes of one node of a chain that is kept. The number is that of a node before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeFate {
    /// Its link goes on; its `max_height` may be another one.
    Kept(usize),
    /// It listens where it did, and what else is said of it changed: a node takes one signer, so the link before ends first.
    Again(usize),
    /// It was not there. It is dialled before others are left.
    Added,
}

/// The chains as they are served now, and the new configuration. `before` has what was followed until now besides them, and
/// `exchanged` where another identity lies by now than the one that links have.
///
/// # Errors
/// What cannot change while the service runs, and a chain that got another name.
pub(super) fn plan(
    served: &[&ChainConfig],
    before: &Config,
    now: &Config,
    exchanged: &BTreeSet<String>,
) -> Result<ReloadPlan, Refused> {
    let mut fixed = Vec::new();
    if before.control != now.control {
        fixed.push(Fixed::Control);
    }
    let find = |id: &ChainId| served.iter().copied().find(|chain| chain.id == *id);
    let mut changes = Vec::new();
    let mut chains = Vec::new();
    for chain in &now.chains {
        let fate = match find(&chain.id) {
            None => {
                changes.push(Change::ChainAdded(chain.id.clone()));
                Fate::Added
            }
            Some(old) => {
                fixed.extend(fixed_of(old, chain));
                fate_of(old, chain, exchanged, &mut changes)
            }
        };
        chains.push((chain.clone(), fate));
    }
    let stays = |chain: &&&ChainConfig| now.chains.iter().any(|other| other.id == chain.id);
    for gone in served.iter().filter(|chain| !stays(chain)) {
        let same_key = |(chain, fate): &&(ChainConfig, Fate)| {
            *fate == Fate::Added && is_one_key(gone.key.as_ref(), chain.key.as_ref())
        };
        if let Some((chain, _)) = chains.iter().find(same_key) {
            return Err(Refused::Renamed {
                from: gone.id.clone(),
                to: chain.id.clone(),
            });
        }
        changes.push(Change::ChainRemoved(gone.id.clone()));
    }
    changes.extend(of_the_rest(before, now));
    match fixed.is_empty() {
        true => Ok(ReloadPlan { chains, changes }),
        false => Err(Refused::Fixed(fixed)),
    }
}

/// Whether two keys are one by what is known of them unopened, however each is opened: a login, a policy or the other members of
/// a set may differ.
pub(super) fn is_one_key(one: &dyn KeySource, other: &dyn KeySource) -> bool {
    let (ours, theirs) = (one.traits(), other.traits());
    let mut ids = ours.device_keys.iter();
    one.is_same(other)
        || ours.location == theirs.location
        || ids.any(|id| theirs.device_keys.contains(id))
}

/// What a chain cannot change while it is armed: its state is opened, locked and checked at the start only.
fn fixed_of(old: &ChainConfig, new: &ChainConfig) -> Vec<Fixed> {
    let differs = [
        (
            old.state_file != new.state_file,
            Fixed::StateFile as fn(ChainId) -> Fixed,
        ),
        (
            old.allow_ephemeral_state != new.allow_ephemeral_state,
            Fixed::AllowEphemeralState,
        ),
        (old.lock_dir != new.lock_dir, Fixed::LockDir),
        (old.etcd != new.etcd, Fixed::Etcd),
    ];
    let differs = differs.into_iter().filter(|(differs, _)| *differs);
    differs.map(|(_, fixed)| fixed(new.id.clone())).collect()
}

fn fate_of(
    old: &ChainConfig,
    new: &ChainConfig,
    exchanged: &BTreeSet<String>,
    changes: &mut Vec<Change>,
) -> Fate {
    let id = &new.id;
    let settings = [
        (
            old.gate.sign_extensions != new.gate.sign_extensions,
            Setting::SignExtensions,
        ),
        (
            old.gate.rate.max_gap != new.gate.rate.max_gap,
            Setting::MaxGap(new.gate.rate.max_gap),
        ),
        (
            old.gate.rate.max_blocks_per_second != new.gate.rate.max_blocks_per_second,
            Setting::MaxBlocksPerSecond(new.gate.rate.max_blocks_per_second),
        ),
        (old.raw != new.raw, Setting::RawBytes),
        (old.sticky != new.sticky, Setting::Nodes(new.sticky)),
        (old.state_hook != new.state_hook, Setting::StateHook),
        (old.key_format != new.key_format, Setting::KeyFormat),
        (old.rpc != new.rpc, Setting::Rpc),
    ];
    let settings = settings.into_iter().filter(|(differs, _)| *differs);
    changes.extend(settings.map(|(_, setting)| Change::Setting(id.clone(), setting)));
    let nodes = nodes(id, &old.nodes, &new.nodes, exchanged, changes);
    if new.key.is_same(old.key.as_ref()) {
        return Fate::Kept(nodes);
    }
    changes.push(Change::KeyReopened(
        id.clone(),
        new.key.traits().location.clone(),
    ));
    Fate::Reopened
}

fn nodes(
    id: &ChainId,
    old: &[NodeConfig],
    new: &[NodeConfig],
    exchanged: &BTreeSet<String>,
    changes: &mut Vec<Change>,
) -> Vec<NodeFate> {
    let is_exchanged = |node: &NodeConfig| {
        let identity = node.identity.as_ref();
        identity.is_some_and(|source| exchanged.contains(&source.to_string()))
    };
    let find = |node: &NodeConfig| {
        let mut old = old.iter().enumerate();
        old.find(|(_, other)| same_place(&other.address, &node.address))
    };
    let mut fates = Vec::new();
    for node in new {
        let addr = node.address.to_string();
        fates.push(match find(node) {
            None => {
                changes.push(Change::NodeAdded(id.clone(), addr));
                NodeFate::Added
            }
            Some((index, before)) => {
                if before.max_height != node.max_height {
                    changes.push(Change::MaxHeight(id.clone(), addr.clone(), node.max_height));
                }
                match same_link(before, node) && !is_exchanged(node) {
                    true => NodeFate::Kept(index),
                    false => {
                        changes.push(Change::NodeChanged(id.clone(), addr));
                        NodeFate::Again(index)
                    }
                }
            }
        });
    }
    for before in old {
        let stays = |node: &NodeConfig| same_place(&before.address, &node.address);
        if !new.iter().any(stays) {
            changes.push(Change::NodeRemoved(id.clone(), before.address.to_string()));
        }
    }
    fates
}

/// Whether it is one listener, whichever key it is to have.
fn same_place(one: &NodeAddress, other: &NodeAddress) -> bool {
    let place = |address: &NodeAddress| match address {
        NodeAddress::Known(Address::Tcp { host, port, .. }) => Some((host.clone(), *port)),
        NodeAddress::Known(Address::Unix(_)) | NodeAddress::Variable(_) => None,
    };
    one == other || place(one).is_some_and(|place_of_one| Some(place_of_one) == place(other))
}

/// Whether a link to `old` can go on as one to `new`. Its `max_height` is read at each request.
fn same_link(old: &NodeConfig, new: &NodeConfig) -> bool {
    let NodeConfig {
        address,
        identity,
        reconnect,
        timeouts,
        max_height: _,
    } = new;
    (address, identity, reconnect, timeouts)
        == (&old.address, &old.identity, &old.reconnect, &old.timeouts)
}

/// What does not belong to a chain.
fn of_the_rest(before: &Config, now: &Config) -> Vec<Change> {
    let (old, new) = (&before.metrics, &now.metrics);
    let mut changes = Vec::new();
    if old.listen != new.listen {
        changes.push(Change::MetricsListen(new.listen));
    }
    if old.hosts != new.hosts {
        changes.push(Change::MetricsHosts);
    }
    if old.textfile != new.textfile {
        changes.push(Change::Textfile(new.textfile.clone()));
    }
    if before.log.level != now.log.level {
        changes.push(Change::LogLevel(now.log.level.clone()));
    }
    if before.log.format != now.log.format {
        changes.push(Change::LogFormat(now.log.format));
    }
    changes
}
