//! The service, and the commands beside it.

use std::fs;

use super::walk::Walk;
use crate::support::home::{PATIENCE, sign};

#[test]
fn a_service_that_does_not_run() {
    let walk = Walk::of("a_service_that_does_not_run");
    walk.home.init();
    let said = walk.tmkms(&["status"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let printed = walk.printed(&said.text, "start it with", "tmkms start");
    let _service = walk.paste_running(&printed);
    let mut node = walk.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &walk.home.key, 1, 1));
    assert_eq!(walk.tmkms(&["status"]).code, 0);
}

/// The state file is not there, so the chain is not armed; `status` says what reads it, and what becomes of a correction.
#[test]
fn a_chain_that_is_not_armed() {
    let walk = Walk::of("a_chain_that_is_not_armed");
    let service = walk.home.start();
    service.wait_for_log("not armed");
    let mut node = walk.node.accept(PATIENCE).unwrap();
    let said = walk.tmkms(&["status"]);
    assert_eq!(said.code, 1, "{}", said.text);
    assert!(said.text.contains("is noticed within 5 s"), "{}", said.text);
    let show = walk.printed(
        &said.text,
        "reads the state file",
        "tmkms state show test-1",
    );
    let shown = walk.paste(&show);
    assert!(shown.text.contains("state.json"), "{}", shown.text);
    walk.home.init();
    service.wait_for_log("armed with the");
    assert!(sign(&mut node, &walk.home.key, 1, 1));
}

#[test]
fn a_double_sign_that_was_refused() {
    let walk = Walk::of("a_double_sign_that_was_refused");
    walk.home.init();
    let service = walk.home.start();
    let mut node = walk.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &walk.home.key, 1, 1));
    assert!(!sign(&mut node, &walk.home.key, 1, 2));
    service.wait_for_log("double sign refused");
    let said = walk.tmkms(&["status"]);
    let message = "nothing was signed; find out why that node asked";
    let acknowledge = walk.printed(&said.text, message, "tmkms acknowledge test-1");
    let seen = walk.paste(&acknowledge);
    assert_eq!(seen.code, 0, "{}", seen.text);
    assert!(seen.text.contains("1/0/prevote"), "{}", seen.text);
    let said = walk.tmkms(&["status"]);
    assert!(!said.text.contains("double sign refused"), "{}", said.text);
}

#[test]
fn an_older_state_file_beside() {
    let walk = Walk::of("an_older_state_file_beside");
    walk.edit("state_file = \"state.json\"\n", "");
    let older = walk.path("test-1_priv_validator_state.json");
    fs::write(
        &older,
        "{\"height\":\"41\",\"round\":\"0\",\"step\":3,\"block_id\":null}",
    )
    .unwrap();
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let message = "where an older tmkms may have kept it";
    let adopt = walk.printed(&said.text, message, "tmkms adopt");
    walk.paste_and_agree(&adopt, &[]);
    walk.is_ready();
    walk.signs(42);
}

/// By its whole name, so that it is found from any folder.
#[test]
fn an_older_state_file_below_the_working_directory() {
    let walk = Walk::of("an_older_state_file_below_the_working_directory");
    walk.edit("state_file = \"state.json\"\n", "");
    let state = "{\"height\":\"41\",\"round\":\"0\",\"step\":3,\"block_id\":null}";
    let here = tempfile::tempdir().unwrap();
    let name = "test-1_priv_validator_state.json";
    fs::write(here.path().join(name), state).unwrap();
    let config = walk.path("tmkms.toml");
    let mut check = walk
        .home
        .command(&["check", "-c", config.to_str().unwrap()]);
    let output = check.current_dir(here.path()).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let message = "below the working directory";
    let whole = here.path().join(name).display().to_string();
    let words = format!("tmkms state import test-1 {whole}");
    let import = walk.printed(&said, message, &words);
    walk.paste_and_agree(&import, &[]);
    walk.is_ready();
    walk.signs(42);
}
