//! What is wrong with a configuration.

use std::fs;

use super::walk::Walk;

/// The line that a message says to write stands in it in backticks, with `key = value`.
fn line_in(text: &str, key: &str) -> String {
    let start = format!("{key} = ");
    let found = super::walk::commands_in(text).find(|quoted| quoted.starts_with(&start));
    found
        .unwrap_or_else(|| panic!("no `{start}` in:\n{text}"))
        .to_owned()
}

#[test]
fn a_link_without_an_identity() {
    let walk = Walk::of("a_link_without_an_identity");
    walk.home.init();
    fs::create_dir(walk.path("secrets")).unwrap();
    walk.edit("secret_key = \"identity.key\"\n", "");
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 2, "{}", said.text);
    walk.follow(&said, "make that key with", "tmkms softsign keygen");
    let line = line_in(&said.text, "secret_key");
    walk.edit("[[validator]]", &format!("[[validator]]\n{line}"));
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn an_identity_that_is_the_consensus_key() {
    let walk = Walk::of("an_identity_that_is_the_consensus_key");
    walk.home.init();
    fs::create_dir(walk.path("secrets")).unwrap();
    walk.edit("\"identity.key\"", "\"consensus.key\"");
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 2, "{}", said.text);
    walk.follow(
        &said,
        "name a key of its own for the links",
        "tmkms softsign keygen",
    );
    walk.edit(
        "secret_key = \"consensus.key\"",
        &line_in(&said.text, "secret_key"),
    );
    walk.is_ready();
    walk.signs(1);
}

/// And with the line that it prints the node knows us, with no warning left.
#[test]
fn a_link_to_whoever_listens() {
    let walk = Walk::of("a_link_to_whoever_listens");
    walk.home.init();
    walk.edit("tcp://127.0.0.1", "tcp://192.0.2.1");
    let said = walk.tmkms(&["check"]);
    let printed = walk.follow(&said, "the node's line is printed by", "tmkms keys peer-id");
    let line = "priv_validator_laddr = \"noise://12D3Koo";
    assert!(printed.text.contains(line), "{}", printed.text);
    let node = "noise://12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7@192.0.2.1";
    walk.edit("tcp://192.0.2.1", node);
    let said = walk.tmkms(&["check"]);
    assert!(!said.text.contains("nothing proves"), "{}", said.text);
}
