//! Which key signs for which chain: one key a chain, or several devices that hold the same one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::backends::replicas::{Members, Policy};
use crate::backends::{KeySource, Provided};
use crate::written::{At, Problem};

use super::check::unknown_chain;
use super::file::Written;

/// The key of each chain; several devices with one key are replicas.
pub(super) fn keys(
    written: &Written,
    known: &[&str],
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Arc<dyn KeySource>> {
    let mut keys: BTreeMap<String, Vec<&Provided>> = BTreeMap::new();
    let mut sources: BTreeSet<&str> = BTreeSet::new();
    let mut devices: BTreeMap<&str, &At<String>> = BTreeMap::new();
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
                .insert(&device.value, device)
                .is_some_and(|other| other.span != device.span)
        {
            problems.push(Problem::at(
                device.span.clone(),
                "two sections name one device",
                format!("{} has a section above already", device.value),
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
            let members = keys.entry(id.value.clone()).or_default();
            if let Some(other) = members.first()
                && (provided.replica.is_none()
                    || other.replica.is_none()
                    || members.iter().any(|other| same_device(other, provided)))
            {
                problems.push(Problem::at(
                    id.span.clone(),
                    format!("chain {} has two keys", id.value),
                    format!("it has the {} already", other.key.describe()),
                    "keep the section of the key that the chain knows, and remove the chain from the other one",
                ));
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

fn same_device(one: &Provided, two: &Provided) -> bool {
    match (&one.device, &two.device) {
        (Some(one), Some(two)) => one.value == two.value,
        _ => false,
    }
}

fn one_source(members: &[&Provided], policy: Policy) -> Option<Arc<dyn KeySource>> {
    match members {
        [only] => Some(only.key.clone()),
        several => {
            let sources = several.iter().map(|member| member.replica.clone());
            Some(Arc::new(Members {
                sources: sources.collect::<Option<Vec<_>>>()?,
                policy,
            }))
        }
    }
}
