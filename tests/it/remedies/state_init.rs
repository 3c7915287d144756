//! Beginning a state by hand: beside a file that says something or nothing, and with a digit too many.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use tmkms::gate::store::file::format::FILE;

use super::walk::{Said, Walk, private};
use crate::support::home::{PATIENCE, sign};

const INIT_HEIGHT: &str = "tmkms state init test-1 --height H";

/// `check` names the trouble, and so does `state show`.
fn told(walk: &Walk) -> Said {
    let shown = walk.tmkms(&["state", "show"]);
    assert_eq!(shown.code, 1, "{}", shown.text);
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let (_, problem) = said.text.split_once("Problem [test-1] ").unwrap();
    let problem = problem.lines().next().unwrap();
    assert!(shown.text.contains(problem), "{}\n{problem}", shown.text);
    said
}

/// A file of which nothing can be read is no proof that nothing was signed; the height that is said counts, and the file
/// is kept.
#[test]
fn a_file_that_says_nothing_is_no_proof() {
    for nothing in [&b""[..], &[0; FILE], b"x\n"] {
        let walk = Walk::of("a_file_that_says_nothing_is_no_proof");
        private(&walk.path("state.json"), nothing);
        told(&walk);
        let never = walk.tmkms(&["state", "init", "test-1", "--never-signed"]);
        assert_eq!(never.code, 1, "{}", never.text);
        assert!(never.text.contains("is not believed"), "{}", never.text);
        let begun = walk.tmkms(&["state", "init", "test-1", "--height", "41"]);
        assert_eq!(begun.code, 0, "{}", begun.text);
        let kept = fs::read(walk.path("state.json.before-init")).unwrap();
        assert_eq!(kept, nothing);
        walk.is_ready();
    }
}

#[test]
fn the_state_of_another_signer_says_more_than_a_typed_height() {
    let walk = Walk::of("the_state_of_another_signer_says_more_than_a_typed_height");
    private(&walk.path("state.json"), FOREIGN);
    told(&walk);
    for begin in [&["--height", "50"][..], &["--never-signed"]] {
        let refused = walk.tmkms(&[&["state", "init", "test-1"], begin].concat());
        assert_eq!(refused.code, 1, "{}", refused.text);
        assert_eq!(fs::read(walk.path("state.json")).unwrap(), FOREIGN);
    }
}

const FOREIGN: &[u8] = b"{\"height\":\"41\",\"round\":\"0\",\"step\":2,\"block_id\":null}";

/// An older tmkms that never signed says so, and is believed.
#[test]
fn a_state_file_of_another_signer_that_never_signed() {
    let walk = Walk::of("a_state_file_of_another_signer_that_never_signed");
    let nothing = b"{\"height\":\"0\",\"round\":\"0\",\"step\":0,\"block_id\":null}";
    private(&walk.path("state.json"), nothing);
    let never = walk.tmkms(&["state", "init", "test-1", "--never-signed"]);
    assert_eq!(never.code, 0, "{}", never.text);
    walk.is_ready();
    walk.signs(1);
}

/// What `state show` prints helps as much as what `check` prints: before the beginning, of nothing, of a copy.
#[test]
fn what_show_prints_can_be_pasted() {
    let begin = |name, content: Option<&[u8]>| {
        let walk = Walk::of(name);
        if let Some(content) = content {
            private(&walk.path("state.json"), content);
        }
        let shown = walk.tmkms(&["state", "show"]);
        assert_eq!(shown.code, 1, "{}", shown.text);
        walk.follow_filled(&shown, "test-1: ", INIT_HEIGHT, &[("H", "41")]);
        walk.is_ready();
        walk.signs(42);
    };
    begin("show_before_init", None);
    begin("show_of_an_empty_file", Some(b""));
    begin("show_of_a_rotten_file", Some(&[b'x'; FILE]));
    let walk = moved(Walk::of("show_of_a_copied_file"));
    let shown = walk.tmkms(&["state", "show"]);
    assert!(shown.text.contains("last 41/"), "{}", shown.text);
    let words = "tmkms state import test-1";
    let printed = walk.printed(&shown.text, "not used by `start`", words);
    walk.paste_and_agree(&printed, &[]);
    walk.is_ready();
    walk.signs(42);
}

/// A home whose state was copied after height 41.
fn moved(walk: Walk) -> Walk {
    walk.home.init();
    walk.signs(41);
    let path = walk.path("state.json");
    fs::copy(&path, walk.path("moved")).unwrap();
    fs::rename(walk.path("moved"), &path).unwrap();
    walk
}

#[test]
fn a_state_file_from_a_backup() {
    let walk = moved(Walk::of("a_state_file_from_a_backup"));
    let said = told(&walk);
    let init = walk.printed(&said.text, "If it may be from a backup", INIT_HEIGHT);
    // What it says is the least that was signed.
    let lower = walk.paste_filled(&init, &[("H", "40")], "");
    assert_eq!(lower.code, 1, "{}", lower.text);
    assert!(lower.text.contains("is never lowered"), "{}", lower.text);
    let done = walk.paste_filled(&init, &[("H", "50")], "");
    assert_eq!(done.code, 0, "{}", done.text);
    walk.is_ready();
    walk.signs(51);
}

#[test]
fn a_state_that_exists() {
    let walk = Walk::of("a_state_that_exists");
    walk.home.init();
    let again = ["state", "init", "test-1", "--height", "41"];
    let said = walk.tmkms(&again);
    assert_eq!(said.code, 1, "{}", said.text);
    walk.follow(&said, "look at it with", "tmkms state show test-1");
    let words = "tmkms state raise test-1 --height H";
    walk.follow_filled(&said, "use up more with", words, &[("H", "41")]);
    walk.is_ready();
    walk.signs(42);
}

/// A node that is far ahead, and one that asks for what no chain has.
#[test]
fn a_leap_of_heights() {
    let walk = Walk::of("a_leap_of_heights");
    walk.home.init();
    let mut service = walk.home.start();
    let mut node = walk.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &walk.home.key, 10, 1));
    assert!(!sign(&mut node, &walk.home.key, 4_000_000_000, 1));
    service.wait_for_log("the chain cannot be there");
    assert!(!service.log().contains("state raise"), "{}", service.log());
    assert!(!sign(&mut node, &walk.home.key, 50_000, 1));
    service.wait_for_log("state raise");
    service.signal(Signal::TERM);
    service.wait();
    let words = "tmkms state raise test-1 --height 49999";
    let raise = walk.printed(&service.log(), "too far ahead", words);
    let done = walk.paste(&raise);
    assert_eq!(done.code, 0, "{}", done.text);
    walk.is_ready();
    walk.signs(50_000);
}

/// One digit too many, wherever it is typed; nobody is there to type it again.
#[test]
fn a_height_with_a_digit_too_many() {
    let walk = Walk::of("a_height_with_a_digit_too_many");
    let last = i64::MAX.to_string();
    let init = |height: &str, more: &[&str]| {
        walk.tmkms(&[&["state", "init", "test-1", "--height", height], more].concat())
    };
    let raise = |height: &str, more: &[&str]| {
        walk.tmkms(&[&["state", "raise", "test-1", "--height", height], more].concat())
    };
    let state: PathBuf = walk.path("state.json");
    for height in ["280000000", "4611686018427387904", &last] {
        let said = init(height, &[]);
        assert_eq!(said.code, 1, "{}", said.text);
        assert!(!state.exists());
    }
    let said = init(&last, &["--yes-this-height"]);
    assert_eq!(said.code, 1, "{}", said.text);
    assert!(
        said.text.contains("never be signed for again"),
        "{}",
        said.text
    );
    assert_eq!(init("28000000", &[]).code, 0);
    let before = fs::read(&state).unwrap();
    for height in ["280000000", "4611686018427387904", &last] {
        let said = raise(height, &[]);
        assert_eq!(said.code, 1, "{}", said.text);
        assert_eq!(fs::read(&state).unwrap(), before);
    }
    let said = raise(&last, &["--yes-this-height"]);
    assert_eq!(said.code, 1, "{}", said.text);
    walk.is_ready();
    let high = raise("280000000", &["--yes-this-height"]);
    assert_eq!(high.code, 0, "{}", high.text);
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(said.text.contains("the digit too many"), "{}", said.text);
    // And down again.
    let lower = [
        "state",
        "raise",
        "test-1",
        "--height",
        "28000000",
        "--i-will-be-slashed",
    ];
    assert_eq!(walk.tmkms_with(&lower, "test-1\n").code, 0);
    walk.signs(28_000_001);
}
