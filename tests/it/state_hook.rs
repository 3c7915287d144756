//! A program of the operator's that says how high the chain is when it is armed (`state_hook`).

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::home::{Home, PATIENCE, sign};
use crate::support::maker;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::{Listener, Node};

const BELOW_FLOOR: i32 = 16;
const NOT_ARMED: i32 = 9;

struct Hooked {
    home: Home,
    listener: Listener,
}

impl Hooked {
    /// Its state is at height 10.
    fn with(script: &str, settings: &str) -> Self {
        let listener = Listener::tcp().unwrap();
        let home = Home::new(&[listener.address().unwrap()]);
        let hook =
            format!("[[chain]]\nstate_hook = {{ cmd = [\"./hook\", \"two words\"]{settings} }}\n");
        home.configure(&home.config().replacen("[[chain]]\n", &hook, 1));
        let hooked = Self { home, listener };
        hooked.script(script, 0o700);
        let words = ["state", "init", "test-1", "--height", "10"];
        let (status, text) = hooked.home.run(&words);
        assert_eq!(status, 0, "{text}");
        hooked
    }

    fn script(&self, script: &str, mode: u32) {
        let path = self.home.path().join("hook");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn check(&self) -> (i32, String) {
        self.home.run(&["check"])
    }

    fn node(&self) -> Node {
        self.listener.accept(PATIENCE).unwrap()
    }
}

fn code(node: &mut Node, height: i64) -> (i32, String) {
    match node.ask(&Ask::Sign(maker().prevote(height, 0, Some(1), 1))) {
        Ok(Answer::Error(error)) => (error.code, error.description),
        other => panic!("height {height}: {other:?}"),
    }
}

#[test]
fn what_it_says_is_a_floor_as_long_as_the_process_lives() {
    let hooked = Hooked::with(
        "test \"$1\" = 'two words' && echo '{\"latest_block_height\": \"41\"}'",
        ", timeout_secs = 5, fail_closed = true",
    );
    let (status, text) = hooked.check();
    assert_eq!(status, 0, "{text}");
    let note = "[test-1] `state_hook` says that the chain is at height 41: up to there nothing would be signed";
    assert!(text.contains(note), "{text}");
    let service = hooked.home.start();
    let mut node = hooked.node();
    for height in [11, 41] {
        let (code, why) = code(&mut node, height);
        assert_eq!(code, BELOW_FLOOR, "{why}");
        assert!(why.contains("the chain was at height 41 already"), "{why}");
    }
    assert!(sign(&mut node, &hooked.home.key, 42, 1));
    service.wait_for_log("`state_hook` says that the chain is at height 41");
    drop(service);
    // It was not written into the watermark, which the next start shows with another word.
    hooked.script("echo '{\"latest_block_height\": \"7\"}'", 0o700);
    let _service = hooked.home.start();
    let mut node = hooked.node();
    assert!(sign(&mut node, &hooked.home.key, 43, 1));
}

#[test]
fn one_that_fails_keeps_the_chain_from_being_armed_where_that_is_asked_for() {
    let bad = [
        (
            "echo 'no node' >&2; exit 3",
            "exit status: 3, and said \"no node\"",
        ),
        ("sleep 60", "had not ended after 1 s"),
        ("echo '<html>'", "it printed \"<html>\", which is not"),
        ("yes", "more than 64 KiB"),
        (
            "echo '{\"latest_block_height\": \"4611686018427387904\"}'",
            "too far above the watermark at 10",
        ),
    ];
    let hooked = Hooked::with("", ", timeout_secs = 1, fail_closed = true");
    for (script, words) in bad {
        hooked.script(script, 0o700);
        let (status, text) = hooked.check();
        assert_eq!(status, 1, "{text}");
        assert!(
            text.contains("Problem [test-1] `state_hook` does not say how high the chain is: "),
            "{text}"
        );
        assert!(text.contains(words), "{script}: {text}");
    }
    let service = hooked.home.start();
    let mut node = hooked.node();
    let (code, why) = code(&mut node, 11);
    assert_eq!(code, NOT_ARMED, "{why}");
    assert!(why.contains("too far above the watermark at 10"), "{why}");
    // It is asked again, and needs no restart.
    hooked.script("echo '{\"latest_block_height\": 20}'", 0o700);
    service.wait_for_log("`state_hook` says that the chain is at height 20");
    service.wait_for_log("armed with the");
    assert!(sign(&mut node, &hooked.home.key, 21, 1));
}

#[test]
fn one_that_fails_is_only_told_otherwise() {
    let hooked = Hooked::with("exit 1", "");
    let (status, text) = hooked.check();
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("Warning [test-1] `state_hook` does not say how high the chain is: it ended with exit status: 1"), "{text}");
    let service = hooked.home.start();
    let mut node = hooked.node();
    assert!(sign(&mut node, &hooked.home.key, 11, 1));
    service.wait_for_log("the chain is armed without its word, because `fail_closed` is not set");
}

#[test]
fn a_program_that_anybody_can_write_is_not_run() {
    let hooked = Hooked::with("", ", fail_closed = true");
    hooked.script("touch was-run; echo '{}'", 0o777);
    let (status, text) = hooked.check();
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("it is not run: every user of this host can write to "),
        "{text}"
    );
    hooked.script("echo '{}'", 0o600);
    let (status, text) = hooked.check();
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("it cannot be run: Permission denied"),
        "{text}"
    );
    fs::remove_file(hooked.home.path().join("hook")).unwrap();
    let (status, text) = hooked.check();
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("it cannot be run: No such file or directory"),
        "{text}"
    );
}
