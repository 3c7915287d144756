//! Which key signs for which chain: one key a chain, or several devices that hold the same one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::backends::replicas::{Policy, ReplicaSetSource};
use crate::backends::{ConfiguredKey, KeySource, SharedDevice};
use crate::settings::{Problem, Spanned};

use super::unknown::unknown_chain;
use crate::config::file::RawConfig;
use crate::text::count::count;

/// The key of each chain; several devices with one key are replicas.
pub(super) fn keys(
    written: &RawConfig,
    known: &[&str],
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> BTreeMap<String, Arc<dyn KeySource>> {
    busy_devices(&written.provided, warnings);
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
            if let Some(other) = members.first()
                && (provided.replica.is_none()
                    || other.replica.is_none()
                    || members.iter().any(|other| same_device(other, provided)))
            {
                problems.push(several_keys(id, before));
                continue;
            }
            members.push(provided);
        }
    }
    let sources = keys.into_iter().map(|(id, members)| {
        let policy = written.replica_policy(&id);
        (id, one_source(&members, policy))
    });
    sources
        .filter_map(|(id, source)| Some((id, source?)))
        .collect()
}

/// A section that names a chain which others before it name; the last of `sections` is this one.
fn several_keys(id: &Spanned<String>, sections: &[&ConfiguredKey]) -> Problem {
    let others = sections.len().saturating_sub(1);
    let others: Vec<String> = sections
        .iter()
        .take(others)
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
            "keep the section of the key that the chain knows, and remove the chain from {the_others}"
        ),
    )
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
