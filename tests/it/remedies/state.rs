//! State files that are not there, cannot be read, or are not to be believed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use super::walk::Walk;
use crate::support::home::{PATIENCE, sign};

/// The size of a state file in bytes; either half is one of two slots.
const FILE: usize = 16_384;
const SLOT: usize = 8_192;

/// Neither is known to this host.
const ME: u32 = 64_100;
const OTHER: u32 = 64_101;

/// What an older signer leaves.
const OLD: &str = "{\"height\":\"41\",\"round\":\"0\",\"step\":3,\"block_id\":null}";

#[test]
fn a_state_that_others_may_write_to() {
    let walk = Walk::of("a_state_that_others_may_write_to");
    walk.home.init();
    fs::set_permissions(walk.path("state.json"), fs::Permissions::from_mode(0o622)).unwrap();
    let said = walk.tmkms(&["check"]);
    walk.follow(&said, "others may write to the state file", "chmod 600");
    // Anyone who wrote to it may have changed it, so it is looked at and taken over.
    if walk.tmkms(&["check"]).code != 0 {
        take_over(
            &walk,
            "is not as this program left it",
            "tmkms state import test-1",
        );
    }
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn a_state_of_another_user() {
    let walk = Walk::of("a_state_of_another_user");
    walk.home.init();
    if chown(walk.path("state.json"), Some(OTHER), None).is_err() {
        return walk.give_up();
    }
    let said = walk.tmkms_as(ME, &["check"]).unwrap();
    assert!(
        said.text.contains("as root"),
        "who is not root is told who has to run it: {}",
        said.text
    );
    walk.follow(&said, "who may change it at will", "chown");
    let said = walk.tmkms_as(ME, &["check"]).unwrap();
    assert!(!said.text.contains("at will"), "{}", said.text);
}

#[test]
fn a_missing_state_of_a_new_validator() {
    let walk = Walk::of("a_missing_state_of_a_new_validator");
    let said = walk.tmkms(&["check"]);
    walk.follow(
        &said,
        "there is no state file",
        "tmkms state init test-1 --never-signed",
    );
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn a_missing_state_that_lies_elsewhere() {
    let walk = Walk::of("a_missing_state_that_lies_elsewhere");
    fs::write(walk.elsewhere("old state.json"), OLD).unwrap();
    let said = walk.tmkms(&["check"]);
    let words = "tmkms state import test-1 FILE";
    let import = walk.printed(&said.text, "there is no state file", words);
    walk.paste_and_agree(&import, &[("FILE", "old state.json")]);
    walk.is_ready();
    walk.signs(42);
}

#[test]
fn a_missing_state_and_a_height() {
    let walk = Walk::of("a_missing_state_and_a_height");
    begin_at_a_height(&walk, "there is no state file");
}

/// From a file that says nothing to a chain that signs, in one step; the file is kept.
fn begin_at_a_height(walk: &Walk, message: &str) {
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let words = "tmkms state init test-1 --height H";
    walk.follow_filled(&said, message, words, &[("H", "41")]);
    walk.is_ready();
    walk.signs(42);
}

/// What a program that does not flush leaves after a crash.
#[test]
fn an_empty_state() {
    let walk = Walk::of("an_empty_state");
    fs::write(walk.path("state.json"), "").unwrap();
    begin_at_a_height(&walk, "is empty");
}

fn of_another_program(walk: &Walk, words: &str) {
    fs::write(walk.path("state.json"), OLD).unwrap();
    take_over(walk, "is not in this program's format", words);
    walk.signs(42);
}

fn take_over(walk: &Walk, message: &str, words: &str) {
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let printed = walk.printed(&said.text, message, words);
    walk.paste_and_agree(&printed, &[]);
    walk.is_ready();
}

#[test]
fn a_state_of_another_program() {
    of_another_program(&Walk::of("a_state_of_another_program"), "tmkms adopt");
}

#[test]
fn a_state_of_another_program_for_one_chain() {
    let walk = Walk::of("a_state_of_another_program_for_one_chain");
    of_another_program(&walk, "tmkms state import test-1");
}

#[test]
fn a_state_that_is_rubbish() {
    for rubbish in [&b"rubbish"[..], &[0; 4096], b"{}", b"{\"height\":\"x\"}"] {
        let walk = Walk::of("a_state_that_is_rubbish");
        fs::write(walk.path("state.json"), rubbish).unwrap();
        begin_at_a_height(&walk, "is not in this program's format");
    }
}

#[test]
fn a_state_of_which_no_half_can_be_read() {
    let walk = Walk::of("a_state_of_which_no_half_can_be_read");
    fs::write(walk.path("state.json"), vec![b'x'; FILE]).unwrap();
    begin_at_a_height(&walk, "cannot be read (first half");
}

#[test]
fn a_state_of_which_a_half_was_restored() {
    let walk = Walk::of("a_state_of_which_a_half_was_restored");
    walk.home.init();
    let before = fs::read(walk.path("state.json")).unwrap();
    {
        let _service = walk.home.start();
        let mut node = walk.node.accept(PATIENCE).unwrap();
        for height in 1..=8 {
            assert!(sign(&mut node, &walk.home.key, height, 1));
        }
    }
    let mut mixed = fs::read(walk.path("state.json")).unwrap();
    mixed[..SLOT].copy_from_slice(&before[..SLOT]);
    fs::write(walk.path("state.json"), mixed).unwrap();
    begin_at_a_height(&walk, "do not follow each other");
}

fn restored(walk: &Walk, words: &str) {
    walk.home.init();
    let state = walk.path("state.json");
    fs::copy(&state, walk.path("backup")).unwrap();
    fs::remove_file(&state).unwrap();
    fs::copy(walk.path("backup"), &state).unwrap();
    take_over(walk, "is not as this program left it", words);
    walk.signs(1);
}

#[test]
fn a_state_that_was_restored() {
    restored(&Walk::of("a_state_that_was_restored"), "tmkms adopt");
}

#[test]
fn a_state_that_was_restored_for_one_chain() {
    let walk = Walk::of("a_state_that_was_restored_for_one_chain");
    restored(&walk, "tmkms state import test-1");
}
