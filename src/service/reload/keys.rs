//! Looks at keys and identities before anything is changed.

use std::sync::Arc;

use crate::backends::OpenKeyError;
use crate::config::{ChainConfig, NodeConfig};
use crate::consensus::{ChainId, PublicKey};
use crate::service::arming::identity_of;
use crate::service::roster::{Served, ServedKey};
use crate::threads::give_way;

use super::plan::{Fate, NodeFate, ReloadPlan};
use super::refused::Refused;
use super::states::is_one_key;

/// Looks at every key that can be looked at without disturbing a device.
///
/// # Errors
/// A key that is not the one that signs, or that cannot be opened and has to be.
pub(super) fn check_keys(served: &[Arc<Served>], plan: &ReloadPlan) -> Result<(), Refused> {
    for (config, fate) in &plan.chains {
        let running = served.iter().find(|served| served.config.id == config.id);
        for node in config.nodes.iter().zip(0..) {
            check_identity(config, fate, node)?;
        }
        let added = (*fate == Fate::Added).then_some(config);
        let mut known = Vec::new();
        for key in config.keys() {
            give_way();
            let signs = running.and_then(|served| signs_as(served, key));
            let open = running.and_then(|served| open_so(served, key));
            let now = check_key((served, plan), (key, open), fate, signs.clone())?;
            // The key may have been moved in the same breath.
            let signed = |gone: &Served| {
                let mut keys = gone.keys();
                now.is_some() && keys.any(|before| before.chain.public_key() == now)
            };
            if let Some((from, to)) = renamed(served, plan, added, signed) {
                return Err(Refused::Renamed { from, to });
            }
            let state = |gone: &Served| {
                let path = key.state_file.fixed();
                let mut keys = gone.keys();
                path.is_some() && keys.any(|before| before.config.state_file.fixed() == path)
            };
            if let Some((from, to)) = renamed(served, plan, added, state) {
                return Err(Refused::StateOf { from, to });
            }
            let Some(public_key) = now.or(signs) else {
                continue;
            };
            if known.contains(&public_key) {
                return Err(Refused::SameKey {
                    chain: config.id.clone(),
                    place: key.key.traits().location.clone(),
                    address: public_key.address().to_string(),
                });
            }
            known.push(public_key);
        }
    }
    Ok(())
}

/// The public key that a chain in service has for a key of the configuration: for the one that is opened in this way, or that
/// has this state.
fn signs_as(served: &Served, key: &ChainConfig) -> Option<PublicKey> {
    let state = key.state_file.fixed();
    let has_state =
        |before: &&Arc<ServedKey>| state.is_some() && before.config.state_file.fixed() == state;
    let found = open_so(served, key).or_else(|| served.keys().find(has_state));
    found.and_then(|before| before.chain.public_key())
}

/// The key of a chain in service that is opened as this one is going to be.
fn open_so<'a>(served: &'a Served, key: &ChainConfig) -> Option<&'a Arc<ServedKey>> {
    let mut keys = served.keys();
    keys.find(|before| before.config.key.is_same(key.key.as_ref()))
}

/// Looks at one key, which signs as `signs` where it does; `None` where it is not known what it is going to be.
fn check_key(
    all: (&[Arc<Served>], &ReloadPlan),
    (config, open): (&ChainConfig, Option<&Arc<ServedKey>>),
    fate: &Fate,
    signs: Option<PublicKey>,
) -> Result<Option<PublicKey>, Refused> {
    match public_key(all, (config, open), fate, signs.clone()) {
        Ok(now) => match signs.filter(|signs| now.clone().is_some_and(|now| now != *signs)) {
            None => Ok(now),
            Some(signs) => Err(Refused::AnotherKey {
                chain: config.id.clone(),
                place: config.key.traits().location.clone(),
                now: now.map_or_else(String::new, |now| now.address().to_string()),
                signs: signs.address().to_string(),
            }),
        },
        // A key that goes on is in memory; one that is added is not.
        Err(_) if matches!(fate, Fate::Kept { .. }) && signs.is_some() => Ok(None),
        Err(why) => Err(Refused::Key {
            chain: config.id.clone(),
            why: why.to_string(),
        }),
    }
}

/// The chain that is gone and so, and the one that was added.
fn renamed(
    served: &[Arc<Served>],
    plan: &ReloadPlan,
    added: Option<&ChainConfig>,
    so: impl Fn(&Served) -> bool,
) -> Option<(ChainId, ChainId)> {
    let added = added?;
    let gone = gone(served, plan).find(|gone| so(gone))?;
    Some((gone.config.id.clone(), added.id.clone()))
}

/// Chains that a plan takes out.
fn gone<'a>(
    served: &'a [Arc<Served>],
    plan: &'a ReloadPlan,
) -> impl Iterator<Item = &'a Arc<Served>> {
    served.iter().filter(|served| {
        let mut stay = plan.chains.iter();
        !stay.any(|(chain, _)| chain.id == served.config.id)
    })
}

/// The key that a chain is going to have, where that can be known without disturbing a device: a session that there is may be
/// asked, and what signs for a chain is known. A key that goes on is asked what it finds now, because it knows what it opened;
/// what another one opens it has for the chain that is armed with it.
fn public_key(
    (served, plan): (&[Arc<Served>], &ReloadPlan),
    (config, open): (&ChainConfig, Option<&Arc<ServedKey>>),
    fate: &Fate,
    signs: Option<PublicKey>,
) -> Result<Option<PublicKey>, OpenKeyError> {
    let key = &config.key;
    let opened = || key.inspect().map(|seen| Some(seen.public_key));
    if let (Fate::Kept { .. }, Some(open), []) = (fate, open, key.devices().as_slice()) {
        return open.config.key.look().map(Some);
    }
    match fate {
        _ if key.devices().is_empty() => opened(),
        Fate::Reopened if key.is_at_hand() && signs.is_some() => opened(),
        // A device that is away now may come, and the chain with it.
        Fate::Added if key.is_at_hand() && gone(served, plan).next().is_some() => {
            Ok(opened().unwrap_or(None))
        }
        Fate::Added | Fate::Reopened | Fate::Kept { .. } => {
            let mut all = served.iter().flat_map(|served| served.keys());
            let same = all.find(|before| is_one_key(before.config.key.as_ref(), key.as_ref()));
            Ok(same.and_then(|before| before.chain.public_key()))
        }
    }
}

/// Looks at the identity of a node that is going to be dialled.
fn check_identity(
    chain: &ChainConfig,
    fate: &Fate,
    (node, index): (&NodeConfig, usize),
) -> Result<(), Refused> {
    let goes_on = match fate {
        Fate::Kept { nodes, .. } => matches!(nodes.get(index), Some(NodeFate::Kept(_))),
        Fate::Added | Fate::Reopened => false,
    };
    match &node.identity {
        Some(source) if !goes_on => identity_of(source).map(drop).map_err(|why| Refused::Key {
            chain: chain.id.clone(),
            why,
        }),
        Some(_) | None => Ok(()),
    }
}
