//! A chain that is paused, or may be.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tmkms::harness::Listener;

use super::walk::Walk;
use crate::support::home::{PATIENCE, sign};

#[test]
fn a_chain_that_was_paused() {
    let walk = Walk::of("a_chain_that_was_paused");
    walk.home.init();
    let _service = walk.home.start();
    let mut node = walk.node.accept(PATIENCE).unwrap();
    for command in ["pause", "status"] {
        let said = walk.tmkms(&["pause", "test-1"]);
        assert_eq!(said.code, 0, "{}", said.text);
        assert!(!sign(&mut node, &walk.home.key, 1, 1));
        let said = match command {
            "pause" => said,
            _ => walk.tmkms(&["status"]),
        };
        let resume = walk.printed(&said.text, "ends that", "tmkms resume test-1");
        let done = walk.paste(&resume);
        assert_eq!(done.code, 0, "{}", done.text);
        assert!(sign(&mut node, &walk.home.key, 1, 1));
    }
}

#[test]
fn a_service_that_gives_no_answer() {
    let walk = Walk::of("a_service_that_gives_no_answer");
    walk.home.init();
    let service = walk.home.start();
    let _node = walk.node.accept(PATIENCE).unwrap();
    // Links are dialled while the socket for commands is made.
    let began = Instant::now();
    while !walk.path("tmkms.sock").exists() && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
    service.signal(Signal::STOP);
    let said = walk.tmkms(&["pause", "test-1"]);
    service.signal(Signal::CONT);
    assert_eq!(said.code, 1, "{}", said.text);
    let message = "so whether anything was changed is not known";
    assert!(said.text.contains(message), "{}", said.text);
    let message = "tells it; ask as the user of the service";
    let status = walk.printed(&said.text, message, "tmkms status");
    let shown = walk.paste(&status);
    assert!(shown.text.contains("test-1: armed"), "{}", shown.text);
}

#[test]
fn a_service_that_does_not_know_the_chain_yet() {
    let walk = Walk::of("a_service_that_does_not_know_the_chain_yet");
    walk.home.init();
    let service = walk.home.start();
    let mut node = walk.node.accept(PATIENCE).unwrap();
    let other = Listener::tcp().unwrap();
    walk.home.add_a_chain(&other.address().unwrap());
    let refused = |words: &[&str]| {
        let said = walk.tmkms(words);
        assert_eq!(said.code, 1, "{}", said.text);
        said.text
    };
    refused(&["acknowledge", "test-2"]);
    refused(&["resume", "test-2", "--nobody-else-signs"]);
    let said = refused(&["pause", "test-2"]);
    let reload = walk.printed(&said, "changed and not reloaded", "tmkms reload");
    let done = walk.paste(&reload);
    assert_eq!(done.code, 0, "{}", done.text);
    let said = walk.tmkms(&["pause", "test-2"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(sign(&mut node, &walk.home.key, 1, 1), "{}", service.log());
}

#[test]
fn a_pause_that_nobody_understands() {
    let walk = Walk::of("a_pause_that_nobody_understands");
    walk.home.init();
    let file = walk.path("state.json.paused");
    fs::write(&file, "{").unwrap();
    let service = walk.home.start();
    service.wait_for_log("not armed");
    service.wait_for_log("removes it");
    let mut node = walk.node.accept(PATIENCE).unwrap();
    let said = service.log();
    let pause = walk.printed(&said, "writes it again", "tmkms pause test-1");
    let resume = walk.printed(&said, "removes it", "tmkms resume test-1");
    assert_eq!(walk.paste(&pause).code, 0);
    service.wait_for_log("[test-1] armed");
    assert!(!sign(&mut node, &walk.home.key, 1, 1), "paused");
    assert_eq!(walk.paste(&resume).code, 0);
    assert!(sign(&mut node, &walk.home.key, 1, 1));
}

#[test]
fn a_pause_that_others_have_put_there() {
    let walk = Walk::of("a_pause_that_others_have_put_there");
    walk.home.init();
    let file = walk.path("state.json.paused");
    assert_eq!(walk.tmkms(&["pause", "test-1"]).code, 0);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o606)).unwrap();
    let said = walk.tmkms(&["check"]);
    let mend = walk.printed(&said.text, "can be written by everybody", "chmod 600");
    assert_eq!(walk.paste(&mend).code, 0);
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(said.text.contains("paused altogether"), "{}", said.text);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let said = walk.tmkms(&["check"]);
    let mend = walk.printed(&said.text, "is not a file", "mv -n");
    let again = walk.printed(&said.text, "to keep it so", "tmkms pause test-1");
    assert_eq!(walk.paste(&mend).code, 0);
    assert_eq!(walk.paste(&again).code, 0);
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(said.text.contains("paused altogether"), "{}", said.text);
}

/// One that this user cannot read, and one that this user cannot believe.
#[test]
fn a_pause_of_another_user() {
    let walk = Walk::of("a_pause_of_another_user");
    walk.home.init();
    assert_eq!(walk.tmkms(&["pause", "test-1"]).code, 0);
    let file = walk.path("state.json.paused");
    let (me, other) = (4_321, 4_322);
    let is_root = chown(&file, Some(other), None).is_ok()
        && chown(walk.path("state.json"), Some(me), None).is_ok();
    if !is_root {
        return walk.give_up();
    }
    for (mode, message) in [(0o600, "cannot be read"), (0o644, "belongs to user")] {
        chown(&file, Some(other), None).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let said = walk.tmkms_as(me, &["check"]).unwrap();
        assert_eq!(said.code, 1, "{}", said.text);
        let mend = walk.printed(&said.text, message, "chown");
        assert_eq!(walk.paste(&mend).code, 0);
        let said = walk.tmkms_as(me, &["check"]).unwrap();
        let text = said.text;
        assert!(
            text.contains("Warning [test-1] paused altogether"),
            "{text}"
        );
    }
}
