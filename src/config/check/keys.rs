//! Which key signs for which chain: one at each height, which several devices may hold.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::backends::replicas::{Policy, ReplicaSetSource};
use crate::backends::{ConfiguredKey, KeySource, KeyTurn, SharedDevice};
use crate::consensus::Height;
use crate::settings::{Problem, Spanned};

use super::unknown::unknown_chain;
use crate::config::file::RawConfig;
use crate::text::count::count;

/// A key of a chain.
pub(super) struct KeyOfChain {
    pub turn: KeyTurn,
    pub source: Arc<dyn KeySource>,
}

impl KeyOfChain {
    /// The height from which on it signs.
    pub fn from(&self) -> Option<Height> {
        height_of(&self.turn)
    }
}

fn height_of(turn: &KeyTurn) -> Option<Height> {
    turn.activation_height.as_ref().map(|height| height.value)
}

/// The keys of each chain, the one that signs first at the front; several devices with one key are replicas.
pub(super) fn keys(
    written: &RawConfig,
    known: &[&str],
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> BTreeMap<String, Vec<KeyOfChain>> {
    busy_devices(&written.provided, warnings);
    listeners(written, problems);
    let mut keys: BTreeMap<String, Vec<&ConfiguredKey>> = BTreeMap::new();
    let mut sources: BTreeSet<&str> = BTreeSet::new();
    let mut devices: BTreeMap<&str, &Spanned<String>> = BTreeMap::new();
    // Every section that names a chain, whether it may or not.
    let mut sections: BTreeMap<&str, Vec<&ConfiguredKey>> = BTreeMap::new();
    for provided in &written.provided {
        if !sources.insert(&provided.source.value) {
            problems.push(Problem::at(
                provided.source.span.clone(),
                "one key stands in two sections",
                format!("{} is named above already", provided.source.value),
                "name all of its chains in the `chain_ids` of one section; a key of its own for each chain is safer",
            ));
        }
        if let Some(device) = &provided.device
            && devices
                .insert(&device.name.value, &device.name)
                .is_some_and(|other| other.span != device.name.span)
        {
            problems.push(Problem::at(
                device.name.span.clone(),
                "two sections name one device",
                format!("{} has a section above already", device.name.value),
                "list all keys of a device in the `keys` of one section; replicas are different devices",
            ));
        }
        let mut named = BTreeSet::new();
        for id in &provided.chain_ids {
            if !named.insert(&*id.value) {
                problems.push(Problem::at(
                    id.span.clone(),
                    format!("chain {} stands here twice", id.value),
                    "this list names it already",
                    "remove one of the two",
                ));
                continue;
            }
            if !known.contains(&&*id.value) {
                problems.push(unknown_chain(id, known));
                continue;
            }
            let before = sections.entry(&id.value).or_default();
            before.push(provided);
            let members = keys.entry(id.value.clone()).or_default();
            let from = height_of(&provided.turn);
            let mut at_once = members
                .iter()
                .filter(|other| height_of(&other.turn) == from);
            if at_once.any(|other| {
                provided.replica.is_none()
                    || other.replica.is_none()
                    || same_device(other, provided)
            }) {
                problems.push(match &provided.turn.activation_height {
                    Some(height) => two_at_once(id, height),
                    None => several_keys(id, before),
                });
                continue;
            }
            members.push(provided);
        }
    }
    let keys = keys.into_iter().map(|(id, members)| {
        let policy = written.replica_policy(&id);
        let keys = in_turn(&id, members, policy, problems);
        (id, keys)
    });
    keys.collect()
}

/// The keys of one chain in the order in which they sign, without a height at which two do, or none.
fn in_turn(
    id: &str,
    members: Vec<&ConfiguredKey>,
    policy: Policy,
    problems: &mut Vec<Problem>,
) -> Vec<KeyOfChain> {
    let mut turns: BTreeMap<Option<Height>, Vec<&ConfiguredKey>> = BTreeMap::new();
    for member in members {
        turns
            .entry(height_of(&member.turn))
            .or_default()
            .push(member);
    }
    if let Some((Some(_), first)) = turns.first_key_value()
        && let Some(first) = first.first()
        && let Some(height) = &first.turn.activation_height
    {
        problems.push(no_first_key(id, height, first));
    }
    let keys = turns.into_values().filter_map(|replicas| {
        let mut turn = replicas.first()?.turn.clone();
        for file in replicas.iter().filter_map(|one| one.turn.state_file.as_ref()) {
            let first = turn.state_file.get_or_insert_with(|| file.clone());
            if first.value != file.value {
                problems.push(Problem::at(
                    file.span.clone(),
                    format!("one key of chain {id} has two state files"),
                    format!("another device that holds it has `{}`", first.value),
                    "a key has one state, whichever device signs: write the same path, or none but one",
                ));
            }
        }
        let source = one_source(&replicas, policy)?;
        Some(KeyOfChain { turn, source })
    });
    keys.collect()
}

fn two_at_once(id: &Spanned<String>, height: &Spanned<Height>) -> Problem {
    Problem::at(
        height.span.clone(),
        format!(
            "chain {} has two keys from height {} on",
            id.value, height.value
        ),
        "another key of this chain has the same height",
        "one key signs at each height: correct one `activation_height`, or remove the chain from one of the two",
    )
}

fn no_first_key(id: &str, height: &Spanned<Height>, key: &ConfiguredKey) -> Problem {
    let state = match &key.turn.state_file {
        Some(_) => String::new(),
        None => format!(
            " and write `state_file = \"state/{id}-ADDRESS.json\"` in its place, with the address of this key"
        ),
    };
    Problem::at(
        height.span.clone(),
        format!("chain {id} has no key below height {}", height.value),
        "no key of this chain is without `activation_height`",
        format!(
            "keep the key that signed until now, without `activation_height`; once the chain has passed this height and \
             that key is removed, remove this line{state}"
        ),
    )
}

/// A section that names a chain which others before it name; the last of `sections` is this one.
fn several_keys(id: &Spanned<String>, sections: &[&ConfiguredKey]) -> Problem {
    let others = sections.len().saturating_sub(1);
    let others: Vec<String> = sections
        .iter()
        .take(others)
        // One that takes over at a height stands there with good reason.
        .filter(|other| height_of(&other.turn).is_none())
        .map(|other| format!("the {}", other.key.traits().location))
        .collect();
    let (how_many, the_others) = match others.len() {
        0 | 1 => ("two".to_owned(), "the other one"),
        2 => ("three".to_owned(), "the other two"),
        more => ((more + 1).to_string(), "all others"),
    };
    Problem::at(
        id.span.clone(),
        format!("chain {} has {how_many} keys", id.value),
        format!("it has {} already", others.join(" and ")),
        format!(
            "keep the section of the key that the chain knows, and remove the chain from {the_others}; a key that is to \
             take over at a height needs an `activation_height`"
        ),
    )
}

/// No two sections listen at one port, and none at that of metrics.
fn listeners(written: &RawConfig, problems: &mut Vec<Problem>) {
    let metrics = written.listen.as_ref();
    let metrics = metrics.and_then(|listen| listen.value.parse().ok());
    let mut taken: Vec<(SocketAddr, &str)> = Vec::new();
    taken.extend(metrics.map(|address| (address, "[metrics]")));
    for listen in written
        .provided
        .iter()
        .filter_map(|one| one.listen.as_ref())
    {
        let other = taken.iter().find(|(other, _)| meet(*other, listen.value));
        if let Some((_, other)) = other {
            problems.push(Problem::at(
                listen.span.clone(),
                "two sections listen at one port",
                format!("{other} listens there already"),
                "give each section a port of its own; a share of each chain has a `listen` of its own, and so have the members' `addr`",
            ));
        }
        taken.push((listen.value, "another section"));
    }
}

/// Whether one host cannot listen at both.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let (ours, theirs) = (one.ip(), other.ip());
    one.port() == other.port()
        && (ours == theirs || ours.is_unspecified() || theirs.is_unspecified())
}

/// Votes of a block: a prevote, a precommit, and a proposal or extension.
const A_BLOCK: usize = 3;
/// What is assumed of chains: a block every so many seconds.
const BLOCK_SECONDS: usize = 2;

/// More chains than a device can sign for is not a mistake yet, but worth saying.
fn busy_devices(provided: &[ConfiguredKey], warnings: &mut Vec<Problem>) {
    let mut chains: BTreeMap<&str, (&SharedDevice, usize)> = BTreeMap::new();
    for one in provided {
        if let Some(device) = &one.device {
            chains.entry(&device.name.value).or_insert((device, 0)).1 += one.chain_ids.len();
        }
    }
    for (name, (device, chains)) in chains {
        let wanted = chains * A_BLOCK / BLOCK_SECONDS;
        let gives = usize::try_from(device.signatures_per_second).unwrap_or(usize::MAX);
        if wanted > gives {
            warnings.push(Problem::at(
                device.name.span.clone(),
                format!("{chains} chains share {name}"),
                format!("it makes about {} a second", count(gives, "signature")),
                format!(
                    "with a block every {BLOCK_SECONDS} s these chains want about {wanted}; votes that wait too long \
                     are not signed: spread the chains over several devices"
                ),
            ));
        }
    }
}

fn same_device(one: &ConfiguredKey, two: &ConfiguredKey) -> bool {
    match (&one.device, &two.device) {
        (Some(one), Some(two)) => one.name.value == two.name.value,
        _ => false,
    }
}

fn one_source(members: &[&ConfiguredKey], policy: Policy) -> Option<Arc<dyn KeySource>> {
    match members {
        [only] => Some(only.key.clone()),
        several => {
            let sources = several.iter().map(|member| member.replica.clone());
            let sources = sources.collect::<Option<Vec<_>>>()?;
            Some(Arc::new(ReplicaSetSource::new(sources, policy)))
        }
    }
}
