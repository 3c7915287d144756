//! A key that is removed while the next height is still its own (W23).

use std::sync::Arc;

use crate::config::ChainConfig;
use crate::consensus::Height;
use crate::service::roster::{Served, ServedKey};

use super::plan::{Fate, ReloadPlan};
use super::refused::Refused;
use super::states::KeyFate;

/// Looks at every chain that goes on with some of its keys.
///
/// # Errors
/// The key that signs at the next height would be gone, and the one in its place signs nothing there.
pub(super) fn check_turns(served: &[Arc<Served>], plan: &ReloadPlan) -> Result<(), Refused> {
    for (config, fate) in &plan.chains {
        let running = served.iter().find(|served| served.config.id == config.id);
        if let (Fate::Kept { keys, .. }, Some(running)) = (fate, running) {
            check_turn(running, config, keys)?;
        }
    }
    Ok(())
}

fn check_turn(served: &Served, config: &ChainConfig, fates: &[KeyFate]) -> Result<(), Refused> {
    let active = served.router.active();
    let mut before = served.keys().zip(0..);
    let Some((gone, index)) = before.find(|(key, _)| Arc::ptr_eq(&key.chain, &active)) else {
        return Ok(());
    };
    if fates.contains(&KeyFate::Kept(index)) {
        return Ok(());
    }
    let next = served.router.next();
    let turns = config.keys().zip(fates);
    let begun = turns.filter(|(key, _)| key.activation_height.is_none_or(|from| from <= next));
    // What is new has no state that could be looked at yet.
    let Some((key, KeyFate::Kept(index))) = begun.last() else {
        return Ok(());
    };
    let Some(instead) = served.keys().nth(*index) else {
        return Ok(());
    };
    match signs_nothing(instead, next) {
        None => Ok(()),
        Some(why) => Err(Refused::TooEarly {
            chain: config.id.clone(),
            gone: gone.config.key.traits().location.clone(),
            next,
            instead: key.key.traits().location.clone(),
            why,
        }),
    }
}

/// Why a key signs nothing at this height, if so.
fn signs_nothing(key: &ServedKey, at: Height) -> Option<String> {
    if let Some(why) = key.chain.why_unarmed() {
        return Some(format!("is not armed: {why}"));
    }
    let last = key.chain.last()?.height;
    (last >= at).then(|| format!("signs nothing up to height {last}"))
}
