//! What `check` looks for where the key of a chain changes at a height (W23).

use crate::config::ChainConfig;
use crate::consensus::PublicKey;
use crate::gate::store::Origin;
use crate::gate::used_up::UsedUp;

/// Of each key: what is wrong where it stands twice for its chain. It is one key with one state then, and at no height another
/// one.
pub(super) fn same_keys(keys: &[(&ChainConfig, Option<PublicKey>)]) -> Vec<Option<String>> {
    let each = keys.iter().enumerate().map(|(at, (config, key))| {
        let key = key.clone()?;
        let mut before = keys.iter().take(at);
        let (other, _) =
            before.find(|(other, known)| other.id == config.id && *known == Some(key.clone()))?;
        Some(format!(
            "the {} holds the same key as the {}: name the new key, or remove the section with this `activation_height`",
            config.key.traits().location,
            other.key.traits().location
        ))
    });
    each.collect()
}

/// Heights that no key signs, because the state of a key that takes over begins above its first height.
pub(super) fn gap(config: &ChainConfig, used_up: &UsedUp) -> Option<String> {
    let from = config.activation_height?;
    let begun = used_up.watermark().hrs()?.height;
    let by_hand = matches!(used_up.origin(), Origin::Begun | Origin::Raised);
    (by_hand && begun >= from).then(|| {
        format!(
            "its key signs from height {from} on, and the state of that key was begun at height {begun}: nothing is signed \
             from {from} to {begun}"
        )
    })
}
