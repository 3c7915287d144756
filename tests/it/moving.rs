//! A chain moves between hosts while their services run (W21).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::support::home::{Home, PATIENCE, sign};
use crate::support::maker;
use crate::support::world::next_link;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::{Listener, Node};
use tmkms::migrate::moving::bundle::Bundle;

/// The code of a refusal for a chain that was handed over.
const MOVED_OUT: i32 = 14;
/// The code of a refusal for a chain that is paused.
const PAUSED: i32 = 13;

/// A home whose chain has no state yet, its node, and where bundles lie.
struct Host {
    home: Home,
    node: Listener,
    bundles: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let node = Listener::tcp().unwrap();
        Self {
            home: Home::new(&[node.address().unwrap()]),
            node,
            bundles: tempfile::tempdir().unwrap(),
        }
    }

    fn with_the_key_of(other: &Self) -> Self {
        let node = Listener::tcp().unwrap();
        Self {
            home: other
                .home
                .with_a_copy_of_the_key(&[node.address().unwrap()]),
            node,
            bundles: tempfile::tempdir().unwrap(),
        }
    }

    fn move_out(&self, name: &str) -> PathBuf {
        let path = self.bundles.path().join(name);
        let (code, text) =
            self.home
                .run(&["state", "move", "out", "test-1", path.to_str().unwrap()]);
        assert_eq!(code, 0, "{text}");
        path
    }

    fn move_in(&self, bundle: &Path, more: &[&str]) -> (i32, String) {
        let words = ["state", "move", "in", bundle.to_str().unwrap()];
        self.home.run(&[&words, more].concat())
    }

    fn taken_in(&self, bundle: &Path, more: &[&str]) {
        let (code, text) = self.move_in(bundle, more);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("Armed chain test-1"), "{text}");
    }
}

fn code(node: &mut Node, height: i64) -> i32 {
    match node.ask(&Ask::Sign(maker().prevote(height, 0, Some(1), 1))) {
        Ok(Answer::Error(error)) => error.code,
        other => panic!("height {height}: {other:?}"),
    }
}

/// The command of this program that a message prints and that begins so.
fn printed(text: &str, words: &str) -> String {
    let mut commands = text.split('`').filter(|part| part.starts_with(words));
    commands
        .next()
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

/// What comes of it in a shell in another folder.
fn pasted(command: &str) -> Output {
    let command = command.replacen("tmkms", env!("CARGO_BIN_EXE_tmkms"), 1);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &command])
        .current_dir("/")
        .output()
        .unwrap()
}

fn read(path: &Path) -> Bundle {
    Bundle::parse(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_chain_moves_between_services_that_run_and_no_link_is_lost() {
    let one = Host::new();
    one.home.init();
    let two = Host::with_the_key_of(&one);
    let first = one.home.start();
    let mut at_one = one.node.accept(PATIENCE).unwrap();
    for height in 1..=3 {
        assert!(sign(&mut at_one, &one.home.key, height, 1));
    }
    let bundle = one.move_out("to-two");
    assert_eq!(read(&bundle).watermark.height(), 3);
    // On the same link: why, and the public key still.
    for height in 3..=5 {
        assert_eq!(code(&mut at_one, height), MOVED_OUT);
    }
    let asked = at_one.ask(&Ask::PublicKey("test-1".to_owned())).unwrap();
    assert_eq!(asked, Answer::PublicKey(one.home.key.clone()));
    let (status, text) = one.home.run(&["status"]);
    assert_eq!(status, 1);
    assert!(text.contains("was handed over at"), "{text}");
    first.wait_for_log("[test-1] handed over to bundle");
    first.wait_for_log("refused (moved_out)");

    // Without a state, and then with the bundle's; not restarted in between.
    let second = two.home.start();
    let mut at_two = two.node.accept(PATIENCE).unwrap();
    assert!(!sign(&mut at_two, &two.home.key, 4, 1));
    two.taken_in(&bundle, &["--yes"]);
    second.wait_for_log("[test-1] taken in from bundle");
    assert!(
        sign(&mut at_two, &two.home.key, 3, 1),
        "the same vote again"
    );
    assert!(!sign(&mut at_two, &two.home.key, 3, 2), "another one");
    assert!(sign(&mut at_two, &two.home.key, 4, 1));
    assert_eq!(code(&mut at_one, 5), MOVED_OUT);

    // A bundle is taken in once, also by a service.
    let (status, text) = two.move_in(&bundle, &["--yes"]);
    assert!(
        status == 1 && text.contains("made or taken in here before"),
        "{text}"
    );
    drop((first, second));
}

#[test]
fn to_and_fro_on_the_links_that_there_are() {
    let one = Host::new();
    one.home.init();
    let two = Host::with_the_key_of(&one);
    let (_first, _second);
    _first = one.home.start();
    let mut at_one = one.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut at_one, &one.home.key, 1, 1));
    let mut bundle = one.move_out("1");
    _second = two.home.start();
    let mut at_two = two.node.accept(PATIENCE).unwrap();
    let mut old = Vec::new();
    for height in 2..=5 {
        let (here, node) = match height % 2 {
            0 => (&two, &mut at_two),
            _ => (&one, &mut at_one),
        };
        assert_eq!(code(node, height), if height == 2 { 9 } else { MOVED_OUT });
        here.taken_in(&bundle, &["--yes"]);
        assert!(sign(node, &here.home.key, height, 1), "height {height}");
        old.push(bundle);
        bundle = here.move_out(&format!("{height}"));
        assert_eq!(read(&bundle).watermark.height(), height);
        assert_eq!(code(node, height + 1), MOVED_OUT);
        for old in &old {
            let (status, text) = here.move_in(old, &["--yes"]);
            assert_eq!(status, 1, "{text}");
            assert!(text.contains("is an old one"), "{text}");
        }
    }
}

/// Votes come as fast as they can while the chain is handed over: what left is in the bundle, and nothing leaves afterwards.
#[test]
fn what_left_before_the_bundle_is_in_it_and_nothing_leaves_after() {
    let host = Host::new();
    host.home.init();
    let _service = host.home.start();
    let mut node = host.node.accept(PATIENCE).unwrap();
    let signed = AtomicI64::new(0);
    let (bundle, last) = std::thread::scope(|scope| {
        let votes = scope.spawn(|| {
            for height in 1.. {
                if !sign(&mut node, &host.home.key, height, 1) {
                    return height - 1;
                }
                signed.store(height, Ordering::SeqCst);
            }
            unreachable!("heights do not end")
        });
        while signed.load(Ordering::SeqCst) < 50 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let bundle = read(&host.move_out("bundle"));
        let told = signed.load(Ordering::SeqCst);
        let last = votes.join().unwrap();
        // The thread may be told of a signature a moment after it left.
        assert!(last <= told + 1, "{last} after the answer, {told} before");
        (bundle, last)
    });
    assert_eq!(bundle.watermark.height(), last);
    assert!(last >= 50);
    assert_eq!(code(&mut node, last + 1), MOVED_OUT);
}

#[test]
fn a_sealed_chain_stays_so_over_restarts_and_comes_back_to_a_service_that_runs() {
    let host = Host::new();
    host.home.init();
    let mut service = host.home.start();
    let mut node = host.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &host.home.key, 1, 1));
    let bundle = host.move_out("bundle");
    service.child.kill().unwrap();
    service.child.wait().unwrap();
    drop(node);
    let service = host.home.start();
    let mut node = host.node.accept(PATIENCE).unwrap();
    assert_eq!(code(&mut node, 2), MOVED_OUT);
    service.wait_for_log("to bundle");
    // The service writes the same bundle again.
    let again = host.move_out("again");
    assert_eq!(fs::read(&again).unwrap(), fs::read(&bundle).unwrap());
    let (status, text) = host.move_in(&bundle, &["--yes"]);
    assert!(status == 1 && text.contains("--insist test-1"), "{text}");
    host.taken_in(&bundle, &["--insist", "test-1"]);
    assert!(sign(&mut node, &host.home.key, 2, 1));
    // A newer one of another host, while this one signs.
    let mut newer = read(&bundle);
    newer.moved.count += 1;
    newer.moved.bundle = "00000000000000000000000000000001".parse().unwrap();
    let path = host.bundles.path().join("newer");
    fs::write(&path, newer.to_text().unwrap()).unwrap();
    let (status, text) = host.move_in(&path, &["--yes"]);
    assert!(
        status == 1 && text.contains("is armed here and signs"),
        "{text}"
    );
    assert!(sign(&mut node, &host.home.key, 3, 1));
}

/// Where there is no room for a bundle, nothing is sealed.
#[test]
fn without_room_for_the_bundle_nothing_is_sealed() {
    let host = Host::new();
    host.home.init();
    let bundle = host.bundles.path().join("bundle");
    let line = format!(
        "trap '' XFSZ; ulimit -f 8; exec '{}' state move out test-1 '{}'",
        env!("CARGO_BIN_EXE_tmkms"),
        bundle.display()
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &line])
        .current_dir(host.home.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("nothing was changed: the bundle"), "{text}");
    assert_eq!(fs::read_dir(host.bundles.path()).unwrap().count(), 0);
    let (status, text) = host.home.run(&["check"]);
    assert_eq!(status, 0, "{text}");
}

/// A sealed state, as it was left and as a copy: no command begins it anew, and each says to which bundle it went.
#[test]
fn nothing_but_a_bundle_begins_a_sealed_state_again() {
    for copied in [false, true] {
        let host = Host::new();
        host.home.init();
        host.move_out("bundle");
        let state = host.home.path().join("state.json");
        let bytes = fs::read(&state).unwrap();
        if copied {
            fs::remove_file(&state).unwrap();
            tmkms::secret_file::create(&state, &bytes).unwrap();
        }
        let key = host.home.path().join("consensus.key");
        let key = key.to_str().unwrap();
        let state_path = state.to_str().unwrap();
        for words in [
            &["state", "init", "test-1", "--height", "100"][..],
            &[
                "state", "init", "test-1", "--height", "100", "--insist", "test-1",
            ],
            &[
                "state",
                "init",
                "test-1",
                "--never-signed",
                "--insist",
                "test-1",
            ],
            &["state", "raise", "test-1", "--height", "100"],
            &[
                "state", "import", "test-1", state_path, "--yes", "--insist", "test-1",
            ],
            &["state", "export", "test-1", "--format", "cometbft"],
            &[
                "softsign",
                "import",
                key,
                key,
                "--never-signed",
                "--yes",
                "--insist",
                "test-1",
            ],
            &[
                "softsign", "import", key, key, "--height", "100", "--yes", "--insist", "test-1",
            ],
        ] {
            let (code, text) = host.home.run(words);
            assert_eq!(code, 1, "{words:?}: {text}");
            assert!(text.contains("to bundle"), "{words:?}: {text}");
            assert_eq!(fs::read(&state).unwrap(), bytes, "{words:?}");
        }
    }
}

/// A pause is no part of the state: it neither goes along nor ends.
#[test]
fn a_pause_stays_on_its_host() {
    let here = Host::new();
    here.home.init();
    let there = Host::with_the_key_of(&here);
    let _here = here.home.start();
    let mut node = here.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &here.home.key, 1, 1));
    let (status, text) = here
        .home
        .run(&["pause", "test-1", "--at", "5", "--why", "move"]);
    assert_eq!(status, 0, "{text}");
    let path = here.bundles.path().join("bundle");
    let words = ["state", "move", "out", "test-1", path.to_str().unwrap()];
    let (status, text) = here.home.run(&words);
    assert_eq!(status, 0, "{text}");
    let told = "Note chain test-1 is to be paused from height 5 on (move)";
    assert!(
        text.contains(told) && text.contains("that stays here"),
        "{text}"
    );
    let _there = there.home.start();
    let mut other = there.node.accept(PATIENCE).unwrap();
    there.taken_in(&path, &["--yes"]);
    assert!(sign(&mut other, &here.home.key, 7, 1));
    // It comes back, and is not armed in silence.
    let back = there.move_out("back");
    let (status, text) = here.move_in(&back, &["--yes"]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("Paused chain test-1 is paused from height 5 on (move)"),
        "{text}"
    );
    assert!(!text.contains("signs for it"), "{text}");
    assert_eq!(code(&mut node, 8), PAUSED);
    let resume = format!("{} --nobody-else-signs", printed(&text, "tmkms resume"));
    let resumed = pasted(&resume);
    assert!(resumed.status.success(), "{resume}: {resumed:?}");
    assert!(sign(&mut node, &here.home.key, 8, 1));
}

/// A node takes one signer at a time, and the first host is linked to it.
#[test]
fn where_both_hosts_dial_one_node_the_first_lets_it_go() {
    let here = Host::new();
    here.home.init();
    let at = here.node.address().unwrap();
    let there = here.home.with_a_copy_of_the_key(&[at]);
    let other = Listener::tcp().unwrap();
    here.home.add_a_chain(&other.address().unwrap());
    let _here = here.home.start();
    let mut node = here.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &here.home.key, 1, 1));
    let path = here.bundles.path().join("bundle");
    let words = ["state", "move", "out", "test-1", path.to_str().unwrap()];
    let (status, text) = here.home.run(&words);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("Then if the other host dials the same node"),
        "{text}"
    );
    let there_runs = there.start();
    there_runs.wait_for_log("not armed");
    let (status, said) = there.run(&["state", "move", "in", path.to_str().unwrap(), "--yes"]);
    assert_eq!(status, 0, "{said}");
    assert_eq!(code(&mut node, 2), MOVED_OUT);
    let config = here.home.config();
    let (_, rest) = config.split_once("[[chain]]\nid = \"test-2\"").unwrap();
    here.home
        .configure(&format!("[[chain]]\nid = \"test-2\"{rest}"));
    let reloaded = pasted(&printed(&text, "tmkms reload"));
    assert!(reloaded.status.success(), "{reloaded:?}");
    assert!(node.ask(&Ask::Ping).is_err(), "hung up on");
    let mut node = next_link(&here.node);
    assert!(
        sign(&mut node, &here.home.key, 2, 1),
        "{}",
        there_runs.log()
    );
}
