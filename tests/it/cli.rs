//! The command line as an operator types it: what is said, what is changed, how it ends.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::support::command::tmkms;
use crate::support::home::{Home, keyed_home};

/// A home with a key and a chain `c-1`, without state.
fn home() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    keyed_home(folder.path());
    folder
}

#[test]
fn keygen_makes_a_private_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let done = tmkms(folder.path(), &["softsign", "keygen", "my key.key"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.out
            .starts_with("public key: {\"@type\":\"/cosmos.crypto.ed25519.PubKey\""),
        "{}",
        done.out
    );
    assert!(
        done.err.contains("   Generated ed25519 key in my key.key"),
        "{}",
        done.err
    );
    let path = folder.path().join("my key.key");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = fs::read(&path).unwrap();
    let secret = String::from_utf8(before.clone()).unwrap();
    assert!(!done.out.contains(secret.trim()) && !done.err.contains(secret.trim()));
    let again = tmkms(folder.path(), &["softsign", "keygen", "my key.key"]);
    assert_eq!(again.code, 0);
    assert!(again.err.contains("no new one was made"), "{}", again.err);
    assert_eq!(fs::read(&path).unwrap(), before);
    let account = tmkms(
        folder.path(),
        &["softsign", "keygen", "-t", "account", "a.key"],
    );
    assert!(account.out.contains("secp256k1"), "{}", account.out);
    let nowhere = tmkms(
        folder.path(),
        &["softsign", "keygen", "no/such/folder/a.key"],
    );
    assert_eq!(nowhere.code, 1);
    assert!(
        nowhere.err.contains("hint: make its folder first"),
        "{}",
        nowhere.err
    );
}

#[test]
fn state_begins_once_and_is_shown() {
    let home = home();
    let missing = tmkms(home.path(), &["state", "show"]);
    assert_eq!(missing.code, 1);
    assert!(missing.out.contains("state.json"), "{}", missing.out);
    assert_eq!(
        tmkms(home.path(), &["state", "init", "c-1"]).code,
        2,
        "one of the two flags is needed"
    );
    assert_eq!(
        tmkms(home.path(), &["state", "init", "c-1", "--height", "0"]).code,
        2
    );
    let unknown = tmkms(home.path(), &["state", "init", "d-1", "--never-signed"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.err.contains("configured are: c-1"),
        "{}",
        unknown.err
    );
    let done = tmkms(home.path(), &["state", "init", "c-1", "--height", "41"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let shown = tmkms(home.path(), &["state", "show", "c-1"]);
    assert_eq!(shown.code, 0);
    assert!(
        shown
            .out
            .contains("c-1: watermark at 41 (whole height) (set by hand"),
        "{}",
        shown.out
    );
    let again = tmkms(home.path(), &["state", "init", "c-1", "--never-signed"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("never overwritten"), "{}", again.err);
}

#[test]
fn import_asks_shows_and_never_lowers() {
    let home = home();
    let old = home.path().join("old.json");
    fs::write(
        &old,
        r#"{"height":"100","round":"0","step":1,"block_id":null}"#,
    )
    .unwrap();
    let unasked = tmkms(home.path(), &["state", "import", "c-1", "old.json"]);
    assert_eq!(unasked.code, 1);
    assert!(
        unasked.err.contains("nothing was changed") && unasked.err.contains("--yes"),
        "{}",
        unasked.err
    );
    assert!(!home.path().join("state.json").exists());
    let done = tmkms(
        home.path(),
        &["state", "import", "c-1", "old.json", "--yes"],
    );
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.err.contains("Read old.json (tmkms): 100/0/prevote"),
        "{}",
        done.err
    );
    // A lower one changes nothing; a higher one raises.
    for (height, wanted) in [("50", "100/0/prevote"), ("120", "120/0/prevote")] {
        fs::write(
            &old,
            format!(r#"{{"height":"{height}","round":"0","step":1,"block_id":null}}"#),
        )
        .unwrap();
        assert_eq!(
            tmkms(
                home.path(),
                &["state", "import", "c-1", "old.json", "--yes"]
            )
            .code,
            0
        );
        let shown = tmkms(home.path(), &["state", "show"]).out;
        assert!(shown.contains(wanted), "{shown}");
    }
    for (text, words) in [
        ("", "it is empty"),
        ("{}", "its field `height` is missing"),
        (r#"{"height":"0","round":"0","step":0}"#, "--never-signed"),
        ("nonsense", "not the JSON"),
    ] {
        fs::write(&old, text).unwrap();
        let done = tmkms(
            home.path(),
            &["state", "import", "c-1", "old.json", "--yes"],
        );
        assert_eq!(done.code, 1);
        assert!(done.err.contains(words), "{}", done.err);
    }
    let wrong = tmkms(
        home.path(),
        &["state", "import", "c-1", "no-such-file", "--yes"],
    );
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("no-such-file"), "{}", wrong.err);
}

#[test]
fn a_state_file_of_another_signer_at_our_own_path_is_kept_aside() {
    let home = home();
    let path = home.path().join("state.json");
    let old = r#"{"height":"77","round":0,"step":3,"signature":null}"#;
    fs::write(&path, old).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = tmkms(home.path(), &["state", "init", "c-1", "--never-signed"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("tmkms state import c-1"),
        "{}",
        refused.err
    );
    let done = tmkms(
        home.path(),
        &["state", "import", "c-1", "state.json", "--yes"],
    );
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(
        fs::read_to_string(home.path().join("state.json.before-import")).unwrap(),
        old
    );
    assert!(
        tmkms(home.path(), &["state", "show"])
            .out
            .contains("watermark at 77/0/precommit")
    );
}

#[test]
fn a_copied_state_is_taken_over_by_import_of_itself() {
    let home = home();
    assert_eq!(
        tmkms(home.path(), &["state", "init", "c-1", "--height", "9"]).code,
        0
    );
    let path = home.path().join("state.json");
    let bytes = fs::read(&path).unwrap();
    // Kept, so that the copy cannot get its inode.
    fs::rename(&path, home.path().join("original.json")).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let done = tmkms(
        home.path(),
        &["state", "import", "c-1", "state.json", "--yes"],
    );
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("this program"), "{}", done.err);
    assert!(
        tmkms(home.path(), &["state", "show"])
            .out
            .contains("watermark at 9")
    );
}

#[test]
fn words_go_to_standard_error_and_usage_is_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["no-such-command"][..],
        &["start", "--no-such-flag"],
        &["state", "show", "-c", "nowhere.toml"],
        &[],
    ] {
        let done = tmkms(folder.path(), arguments);
        assert_eq!(done.code, 2, "{arguments:?}");
        assert!(
            done.out.is_empty() && !done.err.is_empty(),
            "{arguments:?}: {}",
            done.out
        );
    }
    let version = tmkms(folder.path(), &["version"]);
    assert!(
        version.out.contains("not the program of the same name"),
        "{}",
        version.out
    );
    let help = tmkms(folder.path(), &["--help"]);
    assert!(help.code == 0 && help.out.contains("Examples:"));
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["version"][..],
        &["--help"],
        &["softsign", "keygen", "k.key"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tmkms"))
            .args(arguments)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {err}");
        assert!(!err.contains("panicked"), "{err}");
    }
}

#[test]
fn the_configuration_may_be_a_pipe_or_named_in_the_environment() {
    let home = home();
    assert_eq!(
        tmkms(home.path(), &["state", "init", "c-1", "--height", "9"]).code,
        0
    );
    let config = fs::read_to_string(home.path().join("tmkms.toml")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .args(["state", "show", "-c", "/dev/stdin"])
        .current_dir(home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(config.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("watermark at 9")
    );
    let output = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .args(["state", "show"])
        .current_dir("/")
        .env("TMKMS_CONFIG_FILE", home.path().join("tmkms.toml"))
        .output()
        .unwrap();
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("watermark at 9")
    );
}

#[test]
fn the_demo_ends_by_itself_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .arg("demo")
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{err}");
    for words in [
        "refused: conflict",
        "refused: height regression",
        "refused: too far ahead",
        "replayed",
        "SIGKILL",
        "µs",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn init_makes_a_home_that_start_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let done = tmkms(folder.path(), &["init", "-n", "cosmoshub"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let mode = |name: &str| {
        fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (
            mode("secrets"),
            mode("secrets/kms-identity.key"),
            mode("tmkms.toml")
        ),
        (0o700, 0o600, 0o600)
    );
    let config = fs::read_to_string(folder.path().join("tmkms.toml")).unwrap();
    assert!(
        config.contains("id = \"cosmoshub-4\"") && config.contains("tcp://127.0.0.1:26659"),
        "{config}"
    );
    let key = tmkms(
        folder.path(),
        &["softsign", "keygen", "secrets/cosmoshub-4-consensus.key"],
    );
    assert_eq!(key.code, 0, "{}", key.err);
    // Again: nothing is missing, nothing is changed.
    let identity = fs::read(folder.path().join("secrets/kms-identity.key")).unwrap();
    assert_eq!(tmkms(folder.path(), &["init", "-n", "cosmoshub"]).code, 0);
    assert_eq!(
        fs::read(folder.path().join("secrets/kms-identity.key")).unwrap(),
        identity
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("tmkms.toml")).unwrap(),
        config
    );
    // A network more is put at its end, and what was there stays.
    let path = folder.path().join("tmkms.toml");
    let changed = config.replace("26659", "26669");
    fs::write(&path, &changed).unwrap();
    let more = tmkms(folder.path(), &["init", "-n", "cosmoshub,osmosis"]);
    assert_eq!(more.code, 0, "{}", more.err);
    let after = fs::read_to_string(&path).unwrap();
    let (before, new) = after.split_at(changed.trim_end().len());
    assert_eq!(before, changed.trim_end());
    assert!(
        new.contains("id = \"osmosis-1\"") && new.contains("26659"),
        "{new}"
    );
    assert!(!new.contains("cosmoshub"), "{new}");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // A file that could not be used with it stays as it is.
    let broken =
        format!("{after}\n[[validator]]\nchain_id = \"juno-1\"\naddr = \"unix:///run/x\"\n");
    fs::write(&path, &broken).unwrap();
    let more = tmkms(folder.path(), &["init", "-n", "irishub"]);
    assert_eq!(more.code, 2, "{}", more.err);
    assert!(
        more.err.contains("there is no [[chain]] juno-1"),
        "{}",
        more.err
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), broken);
    // The chain that is missing there may be the one that is asked for.
    let more = tmkms(folder.path(), &["init", "-n", "juno"]);
    assert_eq!(more.code, 0, "{}", more.err);
    // A link stays one.
    let real = folder.path().join("real.toml");
    fs::rename(&path, &real).unwrap();
    std::os::unix::fs::symlink("real.toml", &path).unwrap();
    assert_eq!(tmkms(folder.path(), &["init", "-n", "irishub"]).code, 0);
    assert!(path.is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("irishub-1"));
    for id in ["a\"b", "a\\b", "a\nb", ""] {
        let wrong = tmkms(folder.path(), &["init", "--chain-id", id, "wrong"]);
        assert_eq!(wrong.code, 2, "{id}");
        assert!(!folder.path().join("wrong").exists(), "{id}");
    }
    // A half-done home is completed.
    fs::remove_file(folder.path().join("secrets/kms-identity.key")).unwrap();
    assert_eq!(tmkms(folder.path(), &["init", "-n", "cosmoshub"]).code, 0);
    assert!(folder.path().join("secrets/kms-identity.key").exists());
}

#[test]
fn init_takes_several_networks_and_any_folder() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("my kms/\u{fc}ber");
    let done = tmkms(
        folder.path(),
        &[
            "init",
            "-n",
            "cosmoshub,irishub,columbus",
            home.to_str().unwrap(),
        ],
    );
    assert_eq!(done.code, 0, "{}", done.err);
    let shown = tmkms(&home, &["state", "show"]);
    for id in ["cosmoshub-4", "irishub-1", "columbus-5"] {
        assert!(shown.out.contains(id), "{}{}", shown.out, shown.err);
    }
    let config = fs::read_to_string(home.join("tmkms.toml")).unwrap();
    assert!(
        config.contains("consensus_key_prefix = \"icp\""),
        "{config}"
    );
    let bare = folder.path().join("bare");
    let done = tmkms(folder.path(), &["init", bare.to_str().unwrap()]);
    assert_eq!(done.code, 0);
    assert!(done.err.contains("tmkms init -n"), "{}", done.err);
}

#[test]
fn init_makes_nothing_for_a_word_it_does_not_understand() {
    let folder = tempfile::tempdir().unwrap();
    for (word, words) in [
        ("cosmoshab", "did you mean cosmoshub"),
        ("titan", "titan_18888-1"),
        ("xyzzyxyzzy", "tmkms networks"),
    ] {
        let done = tmkms(folder.path(), &["init", "-n", word, "home"]);
        assert_eq!(done.code, 2);
        assert!(done.err.contains(words), "{}", done.err);
        assert!(!folder.path().join("home").exists());
    }
    let list = tmkms(folder.path(), &["networks", "osmosis"]);
    assert!(
        list.out.contains("osmosis-1") && !list.out.contains("cosmoshub"),
        "{}",
        list.out
    );
}

#[test]
fn raise_raises_and_lowers_only_when_told_twice() {
    let home = home();
    assert_eq!(
        tmkms(home.path(), &["state", "init", "c-1", "--height", "100"]).code,
        0
    );
    let shown = || tmkms(home.path(), &["state", "show"]).out;
    assert_eq!(
        tmkms(home.path(), &["state", "raise", "c-1", "--height", "90000"]).code,
        0
    );
    assert!(shown().contains("watermark at 90000"), "{}", shown());
    let refused = tmkms(home.path(), &["state", "raise", "c-1", "--height", "50"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("nothing was changed"),
        "{}",
        refused.err
    );
    let lower = |typed: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tmkms"))
            .args([
                "state",
                "raise",
                "c-1",
                "--height",
                "50",
                "--i-will-be-slashed",
            ])
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(typed.as_bytes())
            .unwrap();
        child.wait().unwrap().code()
    };
    assert_eq!(lower(""), Some(1));
    assert_eq!(lower("c-2\n"), Some(1));
    assert!(shown().contains("watermark at 90000"));
    assert_eq!(lower("c-1\n"), Some(0));
    assert!(shown().contains("watermark at 50"));
}

/// The seed of `0x09` 32 times, and what it is to a node.
const IDENTITY: &str = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";
const PUBLIC: &str = "/RckOFqgx1tk+3jNYC+h2ZH96/drE8WO1wLqyDXp9hg=";

#[test]
fn a_validators_key_that_is_the_identity_of_links_too_is_told() {
    let home = Home::new(&["tcp://127.0.0.1:1".parse().unwrap()]);
    home.init();
    let told = "identity.key holds the validator's key itself";
    assert!(!home.run(&["check"]).1.contains(told));
    fs::copy(
        home.path().join("consensus.key"),
        home.path().join("identity.key"),
    )
    .unwrap();
    let (code, said) = home.run(&["check"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(told), "{said}");
}

#[test]
fn the_signers_identity_stands_where_it_is_made_checked_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| tmkms(folder.path(), words);
    fs::create_dir(folder.path().join("secrets")).unwrap();
    let path = folder.path().join("secrets/kms-identity.key");
    tmkms::secret_file::create(&path, IDENTITY.as_bytes()).unwrap();
    let peer_id = "dbc298251c51321b7266e78d1c151c2b62aff8cb";
    let wanted = format!("peer id {peer_id}, public key {PUBLIC}, libp2p peer id 12D3Koo");
    let made = run(&["init", "-n", "cosmoshub,osmosis"]);
    assert!(made.err.contains(&wanted), "{}", made.err);
    // Both chains have it, and it is named once.
    let checked = run(&["check"]);
    assert_eq!(checked.err.matches(&wanted).count(), 1, "{}", checked.err);
    let shown = run(&["keys", "show"]);
    assert_eq!(
        shown
            .out
            .matches(&format!("  peer_id: {peer_id}\n"))
            .count(),
        2,
        "{}",
        shown.out
    );
    let json: serde_json::Value =
        serde_json::from_str(&run(&["keys", "show", "--json"]).out).unwrap();
    for chain in json.as_array().unwrap() {
        assert_eq!(chain["identities"][0]["peer_id"], peer_id);
        assert_eq!(chain["identities"][0]["public_key"], PUBLIC);
    }
    // A new one is told at once, and the same later.
    let other = tmkms(folder.path(), &["init", "-n", "cosmoshub", "other"]);
    let (_, told) = other.err.split_once("the identity of links, ").unwrap();
    let (told, _) = told.split_once(';').unwrap();
    let checked = run(&["-c", "other", "check"]);
    assert!(checked.err.contains(told), "{told}: {}", checked.err);
    // One that cannot be read is counted with the keys.
    fs::write(&path, "x").unwrap();
    let shown = run(&["keys", "show"]);
    assert_eq!(shown.code, 1);
    assert!(
        shown.err.contains("4 keys cannot"),
        "two chains, each with key and identity: {}",
        shown.err
    );
    let kept = run(&["init"]);
    assert!(
        kept.err.contains("Warning") && kept.err.contains("kms-identity.key"),
        "{}",
        kept.err
    );
}

#[test]
fn keys_are_shown_in_the_forms_that_chains_use() {
    let home = home();
    let made = tmkms(home.path(), &["softsign", "keygen", "other.key"]).out;
    assert!(made.contains("address: "), "{made}");
    let shown = tmkms(home.path(), &["keys", "show"]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(
        shown.out.contains("chain_id: c-1") && shown.out.contains("/cosmos.crypto.ed25519.PubKey"),
        "{}",
        shown.out
    );
    let json = tmkms(home.path(), &["keys", "show", "--json"]);
    let keys: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(keys[0]["type"], "ed25519");
    assert_eq!(keys[0]["address"].as_str().unwrap().len(), 40);
    fs::remove_file(home.path().join("c.key")).unwrap();
    let missing = tmkms(home.path(), &["keys", "show"]);
    assert_eq!(missing.code, 1);
    assert!(missing.out.contains("does not exist"), "{}", missing.out);
}
