//! Looks at keys and identities before anything is changed.

use std::sync::Arc;

use crate::backends::OpenKeyError;
use crate::config::{ChainConfig, NodeConfig};
use crate::consensus::{ChainId, PublicKey};
use crate::service::arming::identity_of;
use crate::service::roster::Served;

use super::plan::{Fate, NodeFate, ReloadPlan, is_one_key};
use super::refused::Refused;

/// Looks at every key that can be looked at without disturbing a device.
///
/// # Errors
/// A key that is not the one that signs, or that cannot be opened and has to be.
pub(super) fn check_keys(served: &[Arc<Served>], plan: &ReloadPlan) -> Result<(), Refused> {
    for (config, fate) in &plan.chains {
        let running = served.iter().find(|served| served.config.id == config.id);
        let signs = running.and_then(|served| served.chain.public_key());
        for node in config.nodes.iter().zip(0..) {
            check_identity(config, fate, node)?;
        }
        let added = (*fate == Fate::Added).then_some(config);
        match public_key(served, plan, config, fate) {
            Ok(Some(now)) => {
                if let Some(signs) = signs.filter(|signs| *signs != now) {
                    return Err(Refused::AnotherKey {
                        chain: config.id.clone(),
                        place: config.key.traits().location.clone(),
                        now: now.address().to_string(),
                        signs: signs.address().to_string(),
                    });
                }
                // The key may have been moved in the same breath.
                let signed = |gone: &Served| gone.chain.public_key() == Some(now);
                if let Some((from, to)) = renamed(served, plan, added, signed) {
                    return Err(Refused::Renamed { from, to });
                }
            }
            Ok(None) => {}
            // A chain that goes on has its key in memory.
            Err(_) if matches!(fate, Fate::Kept(_)) => {}
            Err(why) => {
                return Err(Refused::Key {
                    chain: config.id.clone(),
                    why: why.to_string(),
                });
            }
        }
        let state = |gone: &Served| gone.config.state_file == config.state_file;
        if let Some((from, to)) = renamed(served, plan, added, state) {
            return Err(Refused::StateOf { from, to });
        }
    }
    Ok(())
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
/// asked, and what signs for a chain is known.
fn public_key(
    served: &[Arc<Served>],
    plan: &ReloadPlan,
    config: &ChainConfig,
    fate: &Fate,
) -> Result<Option<PublicKey>, OpenKeyError> {
    let key = &config.key;
    let opened = || key.open().map(|opened| Some(opened.signer.public_key()));
    let running = served.iter().find(|served| served.config.id == config.id);
    let signs = running.and_then(|served| served.chain.public_key());
    match fate {
        _ if key.devices().is_empty() => opened(),
        Fate::Reopened if key.is_at_hand() && signs.is_some() => opened(),
        // A device that is away now may come, and the chain with it.
        Fate::Added if key.is_at_hand() && gone(served, plan).next().is_some() => {
            Ok(opened().unwrap_or(None))
        }
        Fate::Added | Fate::Reopened | Fate::Kept(_) => {
            let mut all = served.iter();
            let same = all.find(|served| is_one_key(served.config.key.as_ref(), key.as_ref()));
            Ok(same.and_then(|served| served.chain.public_key()))
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
        Fate::Kept(nodes) => matches!(nodes.get(index), Some(NodeFate::Kept(_))),
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
