//! A whole key in the configuration that has a share of it: then the share protects nothing.

use crate::config::ChainConfig;
use crate::consensus::PublicKey;

/// Of each key that is a share: what is to be said where its whole key stands in the same file, for another chain.
pub(super) fn beside(keys: &[(&ChainConfig, Option<PublicKey>)]) -> Vec<Option<String>> {
    let each = keys.iter().map(|(config, key)| {
        let key = key.as_ref().filter(|_| config.key.traits().is_share)?;
        let is_whole = |other: &&(&ChainConfig, Option<PublicKey>)| {
            !other.0.key.traits().is_share && other.1.as_ref() == Some(key)
        };
        let (other, _) = keys.iter().find(is_whole)?;
        Some(format!(
            "the {} of chain {} is the whole key of which the {} is a part: whoever gets this host has the key, and needs no other \
             member; give {} a key of its own, or share that one, too",
            other.key.traits().location,
            other.id,
            config.key.traits().location,
            other.id
        ))
    });
    each.collect()
}
