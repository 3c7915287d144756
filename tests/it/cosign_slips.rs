//! Slips of operators of a shared key: what was forgotten, mistaken or put in the wrong place is told with what to do, and leaves
//! nothing half-done.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::command::{Done, tmkms};
use crate::support::shell::{good, private, shell};

const CHAIN: &str = "c-1";
/// A shard of horcrux, which signs nowhere.
const SHARD: &str = r#"{"pubKey":"CiCvwYurW+EXQTPG4rhDgVqTaQpAx+uAyQsm7DO4h9G7nw==","privateShard":"81Gwb3AOZU7nEGOa7obd4EOjf/7pwaHuETJAhzNIOw8=","id":1}"#;

fn says(done: &Done, code: i32, words: &[&str]) {
    assert_eq!(done.code, code, "{}{}", done.out, done.err);
    for word in words {
        let text = format!("{}{}", done.out, done.err);
        assert!(text.contains(word), "no {word} in {text}");
    }
}

/// Shares of 2 of 3, and homes of members.
fn split() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let words = ["cosign", "split", "-t", "2", "-n", "3", "--chain-id", CHAIN];
    let at = ["--addr", "10.0.0.1:1", "--addr", "10.0.0.2:1"];
    let words = [&words[..], &at, &["--addr", "10.0.0.3:1", "shares"]].concat();
    good(&tmkms(folder.path(), &words));
    folder
}

fn share(folder: &Path, id: u16) -> PathBuf {
    folder.join(format!("shares/member-{id}/share.json"))
}

/// The home of a member, whose state is at this height.
fn home(folder: &Path, id: u16, height: &str) -> PathBuf {
    let home = folder.join(format!("home-{id}"));
    for part in ["secrets", "state"] {
        fs::create_dir_all(home.join(part)).unwrap();
    }
    let made = folder.join(format!("shares/member-{id}"));
    fs::copy(made.join("share.json"), home.join("secrets/c-1.share")).unwrap();
    let identity = home.join("secrets/c-1-cosign.key");
    fs::copy(made.join("identity.key"), identity).unwrap();
    let section = fs::read_to_string(made.join("cosign.toml")).unwrap();
    private(
        &home.join("tmkms.toml"),
        format!("{}\n{section}", chain(&home)),
    );
    good(&tmkms(&home, &["state", "init", CHAIN, "--height", height]));
    home
}

fn chain(home: &Path) -> String {
    format!(
        "[[chain]]\nid = \"{CHAIN}\"\n\n[[validator]]\nchain_id = \"{CHAIN}\"\naddr = \"unix://{}/n.sock\"\n",
        home.display()
    )
}

/// Runs the command that is printed between these words and its end.
fn paste(folder: &Path, said: &str, start: &str, fill: (&str, &str)) {
    let mut printed = said.split('`').skip(1).step_by(2);
    let command = printed.find(|one| one.starts_with(start));
    let command = command.unwrap_or_else(|| panic!("no {start} in {said}"));
    let program = format!("{} ", env!("CARGO_BIN_EXE_tmkms"));
    let command = command.replace("tmkms ", &program).replace(fill.0, fill.1);
    shell(folder, &command);
}

#[test]
fn a_key_is_not_put_where_a_share_was_meant() {
    let folder = split();
    let all = [1, 2, 3].map(|id| share(folder.path(), id));
    let [one, two, three] = all.each_ref().map(|path| path.to_str().unwrap());
    let before = fs::read(&all[2]).unwrap();
    for shares in [&[one, two, three][..], &[one, two]] {
        let last: &str = shares.last().unwrap();
        let done = tmkms(folder.path(), &[&["cosign", "recover"], shares].concat());
        let command = format!("`tmkms cosign recover {} OUT`", shares.join(" "));
        let words = [last, "is a share", "is missing", &command];
        says(&done, 2, &words);
        says(&done, 2, &["name a file that is not there yet as OUT: "]);
        assert!(!done.err.contains("move it away"), "{}", done.err);
    }
    // Also an encrypted one, and one of horcrux, whoever may read it.
    let (passphrase, sealed) = (folder.path().join("pass"), folder.path().join("sealed.pem"));
    private(&passphrase, "a passphrase of some words\n");
    let words = ["cosign", "encrypt", "--passphrase-file", "pass", three];
    good(&tmkms(
        folder.path(),
        &[&words[..], &["sealed.pem"]].concat(),
    ));
    let shard = folder.path().join("c-1_shard.json");
    fs::write(&shard, SHARD).unwrap();
    for last in [&sealed, &shard] {
        let last = last.to_str().unwrap();
        let done = tmkms(folder.path(), &["cosign", "recover", one, two, last]);
        says(&done, 2, &["is a share", "is missing"]);
    }
    assert_eq!(fs::read(&all[2]).unwrap(), before);
    // As printed, with a name.
    let done = tmkms(folder.path(), &["cosign", "recover", one, two, three]);
    paste(
        folder.path(),
        &done.err,
        "tmkms cosign recover",
        ("OUT", "out.key"),
    );
    assert!(folder.path().join("out.key").exists());
}

#[test]
fn an_import_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    private(&at("c-1_shard.json"), SHARD);
    fs::create_dir(at("secrets")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    private(&at("empty.key"), "");
    private(&at("other.json"), SHARD);
    let import = |more: &[&str]| {
        let words = ["cosign", "import", "-t", "2", "-n", "3"];
        tmkms(
            folder.path(),
            &[&words[..], more, &["c-1_shard.json"]].concat(),
        )
    };
    let nothing = |done: &Done| {
        let left = fs::read_dir(at("secrets")).unwrap().count();
        assert_eq!(left, 0, "{}", done.err);
        assert_eq!(done.out, "");
    };
    let done = import(&["--identity", "nodir/x.key"]);
    says(&done, 1, &["nodir/x.key", "make its folder first"]);
    nothing(&done);
    for (file, words) in [
        ("folder", "folder"),
        ("empty.key", "empty"),
        ("other.json", "share of a key"),
    ] {
        let done = import(&["--identity", file]);
        let named = format!("{file} cannot be the identity");
        says(
            &done,
            1,
            &[&named, words, "nothing was written", "--identity FILE"],
        );
        nothing(&done);
    }
    let done = import(&["--identity", "secrets/a", "--out", "secrets/a"]);
    says(&done, 2, &["a file each"]);
    nothing(&done);
    // The share cannot be made: nor is the identity.
    private(&at("taken"), "");
    let done = import(&["--identity", "secrets/x.key", "--out", "taken"]);
    says(&done, 1, &["exists already"]);
    nothing(&done);
    let done = import(&["--identity", "secrets/x.key"]);
    good(&done);
    assert!(at("secrets/x.key").exists() && at("secrets/c-1.share").exists());
    // One that is there is kept.
    good(&import(&["--identity", "secrets/x.key", "--out", "again"]));
}

#[test]
fn a_watermark_that_is_there_already_is_no_error() {
    let folder = split();
    let home = home(folder.path(), 1, "106");
    let raise = |height: &str| tmkms(&home, &["state", "raise", CHAIN, "--height", height]);
    let before = fs::read(home.join("state/c-1-consensus.json")).unwrap();
    says(&raise("106"), 0, &["already at 106 (whole height)"]);
    let lower = raise("105");
    says(
        &lower,
        1,
        &[
            "already at 106 (whole height), above height 105",
            "there is nothing to raise",
        ],
    );
    let after = fs::read(home.join("state/c-1-consensus.json")).unwrap();
    assert_eq!(before, after);
    good(&raise("107"));
}

#[test]
fn the_state_of_the_whole_key_begins_in_another_home() {
    let folder = split();
    let home = home(folder.path(), 1, "106");
    let words = ["state", "export", CHAIN, "--format", "cometbft"];
    let done = tmkms(&home, &words);
    says(
        &done,
        1,
        &[
            "if that is this program, in a home of its own, with",
            "`tmkms state init c-1 --height H -c PATH`",
        ],
    );
    // As printed, where there is the whole key.
    let whole = folder.path().join("whole");
    fs::create_dir_all(whole.join("state")).unwrap();
    good(&tmkms(&whole, &["softsign", "keygen", "whole.key"]));
    let config = whole.join("tmkms.toml");
    let softsign =
        format!("[[providers.softsign]]\nchain_ids = [\"{CHAIN}\"]\npath = \"whole.key\"\n");
    private(&config, format!("{}\n{softsign}", chain(&whole)));
    let command = done.err.replace("PATH", config.to_str().unwrap());
    paste(
        folder.path(),
        &command,
        "tmkms state init",
        ("--height H", "--height 106"),
    );
}

#[test]
fn the_state_of_another_member_is_told_alike_with_what_to_do() {
    let folder = split();
    let (one, two) = (home(folder.path(), 1, "106"), home(folder.path(), 2, "100"));
    let state = two.join("state/c-1-consensus.json");
    fs::copy(one.join("state/c-1-consensus.json"), &state).unwrap();
    let run = |words: &[&str]| tmkms(&two, words);
    let import = state.to_str().unwrap();
    let words = [
        "is that of share 1, and share 2 is configured; each member has a state of its own",
        "`mv -n ",
        "`tmkms state init c-1 --height H -c ",
    ];
    for command in [
        &["check"][..],
        &["state", "show"],
        &["state", "init", CHAIN, "--height", "106"],
        &["state", "raise", CHAIN, "--height", "106"],
        &["state", "import", CHAIN, import, "--yes"],
    ] {
        let done = run(command);
        says(&done, 1, &words);
        assert!(!done.out.contains("another file than"), "{}", done.out);
    }
    let said = run(&["state", "show"]).out;
    paste(folder.path(), &said, "mv -n", ("mv", "mv"));
    paste(
        folder.path(),
        &said,
        "tmkms state init",
        ("--height H", "--height 106"),
    );
    let shown = run(&["state", "show"]);
    says(&shown, 0, &["watermark at 106", "of share 2"]);
}

#[test]
fn a_members_state_is_shown_as_refused_beside_the_whole_key() {
    let folder = split();
    let home = home(folder.path(), 3, "106");
    good(&tmkms(&home, &["state", "show"]));
    let shares = [1, 2].map(|id| share(folder.path(), id));
    let [first, second] = shares.each_ref().map(|path| path.to_str().unwrap());
    let words = ["cosign", "recover", first, second, "secrets/whole.key"];
    good(&tmkms(&home, &words));
    let softsign = format!(
        "[[providers.softsign]]\nchain_ids = [\"{CHAIN}\"]\npath = \"secrets/whole.key\"\n"
    );
    private(
        &home.join("tmkms.toml"),
        format!("{}\n{softsign}", chain(&home)),
    );
    for command in [&["check"][..], &["state", "show"]] {
        let done = tmkms(&home, command);
        let words = ["is that of share 3, and the whole key is configured"];
        says(&done, 1, &words);
    }
}

#[test]
fn small_texts_are_true() {
    let folder = tempfile::tempdir().unwrap();
    // A member's port, and not a node's.
    let words = ["cosign", "split", "-t", "2", "-n", "2", "--addr", "a"];
    let done = tmkms(folder.path(), &[&words[..], &["shares"]].concat());
    says(&done, 2, &["the port is missing, as in a:26669"]);
    assert!(!done.err.contains("laddr"), "{}", done.err);
}
