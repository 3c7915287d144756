//! One name, one meaning: a type of a backend has a name that no other type in `src` has, or there is a reason.

use std::collections::BTreeMap;

use super::{all_sources, shipped};

/// Names that stand twice, and why.
const REASONS: &[(&str, &str)] = &[
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
fn a_type_of_a_backend_has_a_name_of_its_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in all_sources() {
        for name in shipped(&text).lines().filter_map(defined) {
            let name = places.entry(name.to_owned()).or_default();
            name.push(path.display().to_string());
        }
    }
    places.retain(|_, paths| {
        paths.len() > 1 && paths.iter().any(|path| path.starts_with("src/backends/"))
    });
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
