//! A build says what it was made without. Holds for every combination of features: `.ci/features` runs it with none,
//! with each backend alone, and with all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may end so"
)]

use std::fs;

#[path = "it/support/command.rs"]
mod command;

use command::tmkms;

/// A backend's section, its feature, whether that is on, and its commands.
const BACKENDS: &[(&str, &str, bool, &[&str])] = &[
    (
        "softsign",
        "softsign",
        cfg!(feature = "softsign"),
        &["demo"],
    ),
    (
        "yubihsm",
        "yubihsm",
        cfg!(feature = "yubihsm"),
        &["yubihsm"],
    ),
    ("ledgertm", "ledger", cfg!(feature = "ledger"), &["ledger"]),
    ("cosign", "cosign", cfg!(feature = "cosign"), &["cosign"]),
];

#[test]
fn the_section_of_a_backend_that_is_left_out_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, feature, here, _) in BACKENDS {
        let text = format!(
            "[[chain]]\nid = \"c-1\"\n\n[[validator]]\nchain_id = \"c-1\"\naddr = \"unix:///run/c\"\n\n\
             [[providers.{name}]]\nchain_ids = [\"c-1\"]\n"
        );
        fs::write(folder.path().join("tmkms.toml"), text).unwrap();
        let check = tmkms(folder.path(), &["check"]);
        assert_eq!(check.code, 2, "{name}: {}", check.err);
        let refused = format!("[[providers.{name}]] is not supported by this build");
        let remedy = format!("build it with the feature `{feature}`");
        assert_eq!(check.err.contains(&refused), !here, "{}", check.err);
        assert_eq!(check.err.contains(&remedy), !here, "{}", check.err);
        // What follows only from that is not told, too.
        assert!(!check.err.contains("has no key"), "{}", check.err);
    }
}

#[test]
fn a_command_of_a_backend_that_is_left_out_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let of_backends = BACKENDS.iter().flat_map(|(_, feature, here, commands)| {
        commands
            .iter()
            .map(move |command| (*feature, *here, *command))
    });
    for (feature, here, command) in of_backends {
        let asked = tmkms(folder.path(), &[command, "--help"]);
        if here {
            assert_eq!(asked.code, 0, "{command}: {}", asked.err);
            continue;
        }
        assert_eq!(asked.code, 2, "{command}");
        let lacks = format!("this build has no command `{command}`");
        assert!(asked.err.contains(&lacks), "{}", asked.err);
        let remedy = format!("build it with the feature `{feature}`");
        assert!(asked.err.contains(&remedy), "{}", asked.err);
    }
    let unknown = tmkms(folder.path(), &["cloudhsm"]);
    assert_eq!(unknown.code, 2);
    assert!(!unknown.err.contains("this build"), "{}", unknown.err);
}

#[test]
fn version_names_the_backends_that_are_here() {
    let folder = tempfile::tempdir().unwrap();
    let version = tmkms(folder.path(), &["version"]).out;
    let names: Vec<&str> = BACKENDS
        .iter()
        .filter_map(|(name, _, here, _)| here.then_some(*name))
        .collect();
    let wanted = match names.is_empty() {
        true => "backends: none in this build".to_owned(),
        false => format!("backends: {}\n", names.join(", ")),
    };
    assert!(version.contains(&wanted), "{version}");
}

#[test]
fn init_writes_no_section_that_this_build_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let init = tmkms(folder.path(), &["init", "-n", "cosmoshub"]);
    assert_eq!(init.code, 0, "{}", init.err);
    let check = tmkms(folder.path(), &["check"]);
    assert!(
        !check.err.contains("not supported by this build"),
        "{}",
        check.err
    );
    let usual = BACKENDS
        .iter()
        .find_map(|(name, _, here, _)| here.then_some(*name));
    let section = format!("[[providers.{}]]", usual.unwrap_or("softsign"));
    let written = fs::read_to_string(folder.path().join("tmkms.toml")).unwrap();
    assert!(written.contains(&section), "{written}");
    if !cfg!(feature = "softsign") {
        let lonely = format!("add a {section} section");
        assert!(check.err.contains(&lonely), "{}", check.err);
    }
}

/// A type of keys, which is its feature, and whether that is on.
const KEY_TYPES: &[(&str, bool)] = &[
    ("secp256k1eth", cfg!(feature = "secp256k1eth")),
    ("bls12_381", cfg!(feature = "bls12_381")),
    ("ml_dsa_65", cfg!(feature = "ml_dsa_65")),
];

#[test]
fn a_key_type_that_is_left_out_is_refused_by_name() {
    if !cfg!(feature = "softsign") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, here) in KEY_TYPES {
        let text = format!(
            "[[chain]]\nid = \"c-1\"\n\n[[validator]]\nchain_id = \"c-1\"\naddr = \"unix:///run/c\"\n\n\
             [[providers.softsign]]\nchain_ids = [\"c-1\"]\npath = \"{name}.key\"\nalgorithm = \"{name}\"\n"
        );
        fs::write(folder.path().join("tmkms.toml"), text).unwrap();
        let check = tmkms(folder.path(), &["check"]);
        let refused = format!("this tmkms was built without keys of type {name}");
        assert_eq!(check.err.contains(&refused), !here, "{}", check.err);
        let file = format!("{name}.key");
        let made = tmkms(folder.path(), &["softsign", "keygen", "-t", name, &file]);
        assert_eq!(made.err.contains(&refused), !here, "{}", made.err);
        assert_eq!(folder.path().join(&file).exists(), *here);
    }
}
