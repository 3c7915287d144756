//! Chains that were moved to another host, and bundles that are not taken in.

use std::fs;

use super::walk::{Walk, private};
use crate::support::home::{PATIENCE, sign};

/// What an older signer leaves.
const OLD: &str = "{\"height\":\"41\",\"round\":\"0\",\"step\":3,\"block_id\":null}";

/// A chain that was handed over in a bundle in the other folder.
fn moved_out(walk: &Walk) -> String {
    walk.home.init();
    let file = walk.elsewhere("test-1.bundle");
    let file = file.to_str().unwrap().to_owned();
    let said = walk.tmkms(&["state", "move", "out", "test-1", &file]);
    assert_eq!(said.code, 0, "{}", said.text);
    file
}

#[test]
fn a_chain_that_was_moved_out() {
    let walk = Walk::of("a_chain_that_was_moved_out");
    let file = moved_out(&walk);
    let kept = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 1, "{}", said.text);
    walk.follow_filled(
        &said,
        "If this bundle is lost",
        "tmkms state move out test-1 FILE",
        &[("FILE", &file)],
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), kept);
    let words = "tmkms state move in FILE";
    let printed = walk.printed(
        &said.text,
        "take in the bundle that the other host makes",
        words,
    );
    let asked = walk.paste_filled(&printed, &[("FILE", &file)], "");
    assert!(asked.text.contains("`--insist test-1`"), "{}", asked.text);
    let done = walk.tmkms(&["state", "move", "in", &file, "--insist", "test-1"]);
    assert_eq!(done.code, 0, "{}", done.text);
    walk.is_ready();
    let printed = walk.printed(&done.text, "Next", "tmkms start");
    let _service = walk.paste_running(&printed);
    let mut node = walk.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &walk.home.key, 1, 1));
}

#[test]
fn the_state_of_a_host_that_moved_out() {
    let walk = Walk::of("the_state_of_a_host_that_moved_out");
    let file = moved_out(&walk);
    let sealed = walk.elsewhere("sealed.json");
    fs::rename(walk.path("state.json"), &sealed).unwrap();
    let sealed = sealed.to_str().unwrap();
    let said = walk.tmkms(&["state", "import", "test-1", sealed, "--yes"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let printed = walk.printed(
        &said.text,
        "is the state of a host that handed chain",
        "tmkms state move in FILE",
    );
    let asked = walk.paste_filled(&printed, &[("FILE", &file)], "");
    assert!(asked.text.contains("`--yes`"), "{}", asked.text);
    let done = walk.tmkms(&["state", "move", "in", &file, "--yes"]);
    assert_eq!(done.code, 0, "{}", done.text);
    walk.is_ready();
}

#[test]
fn a_sealed_state_that_was_copied() {
    let walk = Walk::of("a_sealed_state_that_was_copied");
    let file = moved_out(&walk);
    let state = walk.path("state.json");
    let sealed = fs::read(&state).unwrap();
    private(&state, &sealed);
    let said = walk.tmkms(&["state", "move", "in", &file, "--insist", "test-1"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let printed = walk.printed(
        &said.text,
        "so it may be older than it was, and no bundle arms it",
        "tmkms adopt",
    );
    let asked = walk.paste(&printed);
    assert!(asked.text.contains("`--insist test-1`"), "{}", asked.text);
    let done = walk.tmkms(&["adopt", "--insist", "test-1", "--yes"]);
    assert_eq!(done.code, 0, "{}", done.text);
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn a_bundle_beside_a_state_that_says_more() {
    let walk = Walk::of("a_bundle_beside_a_state_that_says_more");
    let file = moved_out(&walk);
    fs::remove_file(walk.path("state.json")).unwrap();
    private(&walk.path("old.json"), OLD.as_bytes());
    let said = walk.tmkms(&["state", "move", "in", &file, "--yes"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let printed = walk.printed(&said.text, "", "tmkms state import test-1");
    walk.paste_and_agree(&printed, &[]);
    let done = walk.tmkms(&["state", "move", "in", &file, "--yes"]);
    assert_eq!(done.code, 0, "{}", done.text);
    walk.is_ready();
    walk.signs(42);
}
