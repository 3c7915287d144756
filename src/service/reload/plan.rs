//! What another configuration asks of a service that runs: pure, nothing is done here.

use std::collections::BTreeSet;

use crate::config::{ChainConfig, Config, NodeAddress, NodeConfig};
use crate::consensus::ChainId;

use super::change::{Change, Setting};
use super::refused::{Fixed, Refused};
use super::states::{KeyFate, ServedChain, is_one_key, moved_states};

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
    /// It goes on with its gates, keys and locks; one fate for each of its nodes and keys, in their order.
    Kept {
        nodes: Vec<NodeFate>,
        keys: Vec<KeyFate>,
    },
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
    served: &[ServedChain<'_>],
    before: &Config,
    now: &Config,
    exchanged: &BTreeSet<String>,
) -> Result<ReloadPlan, Refused> {
    let mut fixed = Vec::new();
    if before.control != now.control {
        fixed.push(Fixed::Control);
    }
    let find = |id: &ChainId| served.iter().find(|chain| chain.config.id == *id);
    let mut changes = Vec::new();
    let mut chains = Vec::new();
    for chain in &now.chains {
        let fate = match find(&chain.id) {
            None => {
                changes.push(Change::ChainAdded(chain.id.clone()));
                Fate::Added
            }
            Some(old) => {
                let keys = keys(old.config, chain);
                fixed.extend(fixed_of(old, chain, keys.as_deref()));
                fate_of(old.config, chain, keys, exchanged, &mut changes)
            }
        };
        chains.push((chain.clone(), fate));
    }
    let served = served.iter().map(|chain| chain.config);
    let stays = |chain: &&ChainConfig| now.chains.iter().any(|other| other.id == chain.id);
    for gone in served.filter(|chain| !stays(chain)) {
        let of_gone = |key: &ChainConfig| {
            let mut before = gone.keys();
            before.any(|old| is_one_key(old.key.as_ref(), key.key.as_ref()))
        };
        let same_key = |(chain, fate): &&(ChainConfig, Fate)| {
            *fate == Fate::Added && chain.keys().any(of_gone)
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

/// What becomes of the keys of a chain, by how they are opened. `None` where all of it is made again: no key goes on, or one is
/// opened in another way for a state that is in use.
fn keys(old: &ChainConfig, new: &ChainConfig) -> Option<Vec<KeyFate>> {
    let fate = |key: &ChainConfig| {
        let mut before = old.keys();
        let index = before.position(|before| before.key.is_same(key.key.as_ref()));
        index.map_or(KeyFate::Added, KeyFate::Kept)
    };
    let fates: Vec<KeyFate> = new.keys().map(fate).collect();
    let of_another = |key: &ChainConfig| {
        let path = key.state_file.fixed();
        path.is_some() && old.keys().any(|before| before.state_file.fixed() == path)
    };
    let takes_over =
        |(key, fate): (&ChainConfig, &KeyFate)| *fate == KeyFate::Added && of_another(key);
    let goes_on = fates.iter().any(|fate| *fate != KeyFate::Added);
    (goes_on && !new.keys().zip(&fates).any(takes_over)).then_some(fates)
}

/// What a chain cannot change while it is armed: its state is opened, locked and checked at the start only.
fn fixed_of(served: &ServedChain<'_>, new: &ChainConfig, fates: Option<&[KeyFate]>) -> Vec<Fixed> {
    let old = served.config;
    let mut all = moved_states(served, new, fates);
    let differs = [
        (
            old.allow_ephemeral_state != new.allow_ephemeral_state,
            Fixed::AllowEphemeralState as fn(ChainId) -> Fixed,
        ),
        (old.lock_dir != new.lock_dir, Fixed::LockDir),
        (old.etcd != new.etcd, Fixed::Etcd),
    ];
    let differs = differs.into_iter().filter(|(differs, _)| *differs);
    all.extend(differs.map(|(_, fixed)| fixed(new.id.clone())));
    all
}

/// What is different about the keys of a chain that goes on.
fn changes_of_keys(
    old: &ChainConfig,
    new: &ChainConfig,
    fates: &[KeyFate],
    changes: &mut Vec<Change>,
) {
    let id = &new.id;
    let place = |key: &ChainConfig| key.key.traits().location.clone();
    for (key, fate) in new.keys().zip(fates) {
        let from = key.activation_height;
        match fate {
            KeyFate::Added => changes.push(Change::KeyAdded(id.clone(), place(key), from)),
            KeyFate::Kept(index) => {
                let before = old.keys().nth(*index);
                if before.is_some_and(|before| before.activation_height != from) {
                    changes.push(Change::KeyHeight(id.clone(), place(key), from));
                }
            }
        }
    }
    for (gone, index) in old.keys().zip(0..) {
        if !fates.contains(&KeyFate::Kept(index)) {
            changes.push(Change::KeyRemoved(id.clone(), place(gone)));
        }
    }
}

fn fate_of(
    old: &ChainConfig,
    new: &ChainConfig,
    keys: Option<Vec<KeyFate>>,
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
        // Where nobody was asked before, or is any more, that says it all.
        (
            old.guard != new.guard && old.rpc.endpoints.is_empty() == new.rpc.endpoints.is_empty(),
            Setting::Guard,
        ),
    ];
    let settings = settings.into_iter().filter(|(differs, _)| *differs);
    changes.extend(settings.map(|(_, setting)| Change::Setting(id.clone(), setting)));
    let nodes = nodes(id, &old.nodes, &new.nodes, exchanged, changes);
    if let Some(keys) = keys {
        changes_of_keys(old, new, &keys, changes);
        return Fate::Kept { nodes, keys };
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
    fn place(address: &NodeAddress) -> Option<(&str, u16)> {
        match address {
            NodeAddress::Known(address) => address.host_and_port(),
            NodeAddress::Variable(_) => None,
        }
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::backends::{Device, KeySource, KeyTraits, OpenKeyError, Opened};
    use crate::consensus::PublicKey;
    use crate::settings::Base;

    /// A key on a device, under a login that is another one each time.
    struct OnDevice(KeyTraits);

    impl OnDevice {
        fn source(key: &'static str) -> Arc<dyn KeySource> {
            Arc::new(Self(KeyTraits::of(key)))
        }
    }

    impl KeySource for OnDevice {
        fn traits(&self) -> &KeyTraits {
            &self.0
        }

        fn devices(&self) -> Vec<&dyn Device> {
            Vec::new()
        }

        fn is_same(&self, _: &dyn KeySource) -> bool {
            false
        }

        fn open(&self) -> Result<Opened, OpenKeyError> {
            Err(OpenKeyError("nobody opens it".to_owned()))
        }
    }

    /// Of keys on a device, the last of which has these lines.
    fn config(first: bool, line: &str) -> Config {
        let first = match first {
            true => "[[providers.softsign]]\nchain_ids = [\"c-1\"]\npath = \"a.key\"\n",
            false => "",
        };
        let text = format!(
            "[[chain]]\nid = \"c-1\"\n[[validator]]\nchain_id = \"c-1\"\naddr = \"unix:///nowhere\"\n{first}\
             [[providers.softsign]]\nchain_ids = [\"c-1\"]\npath = \"b.key\"\n{line}"
        );
        let mut config = Config::read(&text, "tmkms.toml", &Base::default()).unwrap();
        let chain = &mut config.chains[0];
        match chain.later.first_mut() {
            Some(later) => {
                later.key = OnDevice::source("b");
                chain.key = OnDevice::source("a");
            }
            None => chain.key = OnDevice::source("b"),
        }
        config
    }

    /// A login is another one, so that all of the chain is opened anew: its states stay where they are.
    #[test]
    fn each_key_keeps_its_state_where_all_of_a_chain_is_opened_anew() {
        let height = "activation_height = 10\n";
        let old = config(true, height);
        let b = PublicKey::Ed25519([7; 32]);
        let by_address = format!("state/c-1-{}.json", b.address());
        let refused = |now: &Config| {
            let served = ServedChain {
                config: &old.chains[0],
                keys: vec![Some(PublicKey::Ed25519([5; 32])), Some(b.clone())],
            };
            match plan(&[served], &old, now, &BTreeSet::new()) {
                Ok(plan) => {
                    assert_eq!(plan.chains[0].1, Fate::Reopened);
                    None
                }
                Err(refused) => Some(refused.to_string()),
            }
        };
        assert_eq!(refused(&config(true, height)), None);
        let named = format!("{height}state_file = \"{by_address}\"\n");
        assert_eq!(refused(&config(true, &named)), None, "the same in full");
        let moved = format!("{height}state_file = \"state/b.json\"\n");
        let told = refused(&config(true, &moved)).unwrap();
        assert!(
            told.contains(&by_address) && told.contains("` into the section of the b"),
            "{told}"
        );
        // The end of the rotation.
        let told = refused(&config(false, "")).unwrap();
        assert!(told.contains(&by_address), "{told}");
        let named = format!("state_file = \"{by_address}\"\n");
        assert_eq!(refused(&config(false, &named)), None);
    }
}
