//! One name, one meaning: a type has a name that no other type in `src` has, or there is a reason. The commands are left out:
//! each is named as it is typed, and its module says of what.

use std::collections::BTreeMap;

use super::{all_sources, shipped};

/// Names that stand more than once, how often, and why.
const REASONS: &[(&str, usize, &str)] = &[
    (
        "Answer",
        3,
        "what a chain, a link or a service answers; never named without its module",
    ),
    (
        "BlockId",
        3,
        "CometBFT's name, for the value and for the messages that hold it",
    ),
    (
        "Chain",
        2,
        "a [[chain]] as it is written, and a chain that runs",
    ),
    ("Cluster", 2, "etcd and horcrux both call theirs so"),
    (
        "Credentials",
        2,
        "yubihsm.rs and etcd both call a login's name and secret so",
    ),
    (
        "FrameError",
        2,
        "privval and the YubiHSM both have frames, and each its own way to break them",
    ),
    (
        "Handshake",
        2,
        "SCP03 and SecretConnection both begin with one",
    ),
    (
        "Key",
        2,
        "a field of a state file, and what the harness knows of a signer's key; both private to their file's folder",
    ),
    (
        "PartSetHeader",
        3,
        "CometBFT's name, for the value and for the messages that hold it",
    ),
    ("Plan", 2, "of a take-over, and of a measurement"),
    (
        "Proposal",
        3,
        "CometBFT's name, for the value and for the messages that hold it",
    ),
    (
        "PublicKey",
        3,
        "CometBFT's name, for the value and for the messages that hold it",
    ),
    ("Question", 2, "to etcd, and to the operator"),
    (
        "Reply",
        2,
        "the harness reads replies with a decoder of its own, so that it can judge ours",
    ),
    (
        "Row",
        2,
        "of the table of reasons, and of what the harness prints",
    ),
    (
        "Settings",
        2,
        "of a gate, and of an examination by the harness",
    ),
    (
        "Signed",
        2,
        "the harness reads replies with a decoder of its own, so that it can judge ours",
    ),
    (
        "Sum",
        2,
        "how prost names a choice, in each of the messages that have one",
    ),
    (
        "Time",
        3,
        "how protobuf's timestamps are called in the messages that hold one",
    ),
    (
        "Verdict",
        2,
        "of the watermark's rule, and about who holds a lock",
    ),
    (
        "Vote",
        2,
        "CometBFT's name, for the value and for the messages that hold it",
    ),
    (
        "Worker",
        2,
        "each backend with a thread for its device says it alike",
    ),
    (
        "WorkerLink",
        2,
        "each backend with a thread for its device says it alike",
    ),
];

/// The name of the type that a line defines.
fn defined(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub").map_or(line, |rest| {
        let rest = rest
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .map_or(rest, |(_, rest)| rest);
        rest.trim_start()
    });
    let kinds = ["struct ", "enum ", "trait ", "type "];
    let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

#[test]
fn a_type_has_a_name_of_its_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let sources = all_sources().into_iter();
    for (path, text) in sources.filter(|(path, _)| !path.starts_with("src/cli/")) {
        for name in shipped(&text).lines().filter_map(defined) {
            let name = places.entry(name.to_owned()).or_default();
            name.push(path.display().to_string());
        }
    }
    places.retain(|_, paths| paths.len() > 1);
    for (name, paths) in &places {
        let known = REASONS.iter().find(|(known, ..)| known == name);
        let known = known.map_or(1, |(_, times, _)| *times);
        assert_eq!(known, paths.len(), "{name} stands in {paths:#?}");
    }
    for (name, ..) in REASONS {
        assert!(places.contains_key(*name), "take {name} out of the list");
    }
}

#[test]
fn every_kind_of_definition_is_seen() {
    for line in [
        "pub struct One;",
        "struct One(u8);",
        "pub(super) enum One {",
        "pub(in crate::a) trait One: Two {",
        "type One<T> = Vec<T>;",
    ] {
        assert_eq!(defined(line), Some("One"), "{line}");
    }
    assert_eq!(defined("pub fn one() {"), None);
    assert_eq!(defined("    type One = Two;"), None);
}
