//! One name, one meaning: a type has a name that no other type in `src` has, or there is a reason. The commands are left out:
//! each is named as it is typed, and its module says of what.

use std::collections::BTreeMap;

use super::{all_sources, shipped};

/// Names that stand twice, and why.
const REASONS: &[(&str, &str)] = &[
    (
        "Answer",
        "what a chain, a link or a service answers; never named without its module",
    ),
    (
        "BlockId",
        "CometBFT's name, for the value and for the messages that hold it",
    ),
    (
        "Chain",
        "a [[chain]] as it is written, and a chain that runs",
    ),
    ("Cluster", "etcd and horcrux both call theirs so"),
    (
        "Credentials",
        "yubihsm.rs and etcd both call a login's name and secret so",
    ),
    ("FrameError", "each protocol with frames has its own"),
    (
        "Handshake",
        "SCP03 and SecretConnection both begin with one",
    ),
    (
        "Key",
        "a field of a state file, and what the harness knows of a signer's key; both private to their file's folder",
    ),
    (
        "PartSetHeader",
        "CometBFT's name, for the value and for the messages that hold it",
    ),
    ("Plan", "of a take-over, and of a measurement"),
    (
        "Proposal",
        "CometBFT's name, for the value and for the messages that hold it",
    ),
    (
        "PublicKey",
        "CometBFT's name, for the value and for the messages that hold it",
    ),
    ("Question", "to etcd, and to the operator"),
    (
        "Reply",
        "the harness reads replies with a decoder of its own, so that it can judge ours",
    ),
    (
        "Row",
        "of the table of reasons, and of what the harness prints",
    ),
    (
        "Settings",
        "of a gate, and of an examination by the harness",
    ),
    (
        "Signed",
        "the harness reads replies with a decoder of its own, so that it can judge ours",
    ),
    (
        "Sum",
        "how prost names a choice, in each of the messages that have one",
    ),
    (
        "Time",
        "how protobuf's timestamps are called in the messages that hold one",
    ),
    (
        "Verdict",
        "of the watermark's rule, and about who holds a lock",
    ),
    (
        "Vote",
        "CometBFT's name, for the value and for the messages that hold it",
    ),
    (
        "Worker",
        "each backend with a thread for its device says it alike",
    ),
    (
        "WorkerLink",
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
        let known = REASONS.iter().any(|(known, _)| known == name);
        assert!(known, "{name} stands in {paths:#?}");
    }
    for (name, _) in REASONS {
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
