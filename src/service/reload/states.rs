//! The keys of a chain that is served, and where their states lie: each stays there while it is in use.

use std::path::Path;

use crate::backends::KeySource;
use crate::config::{ChainConfig, StatePath};
use crate::consensus::PublicKey;
use crate::migrate::elsewhere::state_file_line;

use super::refused::Fixed;

/// A chain as it is served.
pub(super) struct ServedChain<'a> {
    pub config: &'a ChainConfig,
    /// The public keys, as far as they are known, in the order of [`ChainConfig::keys`].
    pub keys: Vec<Option<PublicKey>>,
}

/// What becomes of one key of a chain that is kept. The number is that of a key before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyFate {
    /// It goes on with its gate, state and lock; the height from which on it signs may be another one.
    Kept(usize),
    /// It was not there.
    Added,
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

/// The key before that is this one, by how it is opened, or, where the chain is made again, by what is known of it.
fn before(
    old: &ChainConfig,
    key: &ChainConfig,
    fates: Option<&[KeyFate]>,
    at: usize,
) -> Option<usize> {
    match fates {
        Some(fates) => match fates.get(at)? {
            KeyFate::Added => None,
            KeyFate::Kept(index) => Some(*index),
        },
        None => {
            let is_it = |old: &ChainConfig| is_one_key(old.key.as_ref(), key.key.as_ref());
            old.keys().position(is_it)
        }
    }
}

/// States that are in use, and would lie elsewhere.
pub(super) fn moved_states(
    served: &ServedChain<'_>,
    new: &ChainConfig,
    fates: Option<&[KeyFate]>,
) -> Vec<Fixed> {
    let (old, id) = (served.config, &new.id);
    let mut all = Vec::new();
    if old.pause_beside != new.pause_beside {
        all.push(match old.one_of_several {
            false => Fixed::StateFile(id.clone()),
            true => Fixed::StateOfKey {
                chain: id.clone(),
                section: format!("its [[chain]] {id}, because a pause is kept beside that file"),
                line: state_file_line(&old.pause_beside),
            },
        });
    }
    for (key, at) in new.keys().zip(0..) {
        let index = before(old, key, fates, at);
        let known = index.and_then(|index| Some((old.keys().nth(index)?, index)));
        let Some((before, index)) = known else {
            // Whatever key the first one is now, the state of the chain is in use.
            if fates.is_none() && at == 0 && old.state_file != new.state_file {
                all.push(Fixed::StateFile(id.clone()));
            }
            continue;
        };
        let public_key = served.keys.get(index).cloned().flatten();
        if is_one_state(&before.state_file, &key.state_file, public_key.as_ref()) {
            continue;
        }
        let lies = match public_key {
            Some(public_key) => Some(before.state_file.of(&public_key)),
            None => before.state_file.fixed().map(Path::to_path_buf),
        };
        all.push(match lies.filter(|_| old.one_of_several) {
            None => Fixed::StateFile(id.clone()),
            Some(path) => Fixed::StateOfKey {
                chain: id.clone(),
                section: format!("the section of the {}", key.key.traits().location),
                line: state_file_line(&path),
            },
        });
    }
    all.dedup();
    all
}

/// A file that was named after its key may be named in full now.
fn is_one_state(one: &StatePath, other: &StatePath, key: Option<&PublicKey>) -> bool {
    one == other || key.is_some_and(|key| one.of(key) == other.of(key))
}
