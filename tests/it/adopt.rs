//! From other signers and back: adopt, softsign import, state export.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::ABSENT;
use crate::support::chain::Chain;
use crate::support::command::tmkms;
use serde_json::{Value, json};
use tmkms::backends::softsign::key::SoftKey;

fn private(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn key_file(path: &Path) -> SoftKey {
    let (key, text) = SoftKey::generate(Default::default()).unwrap();
    private(path, &text);
    key
}

/// CometBFT's file of a key that is ours to make.
fn key_json(path: &Path) -> SoftKey {
    let (key, text) = SoftKey::generate(Default::default()).unwrap();
    let seed = tmkms::text::base64::decode(text.trim_ascii()).unwrap();
    let base64 = |bytes: &[u8]| String::from_utf8(subtle_encoding::base64::encode(bytes)).unwrap();
    let public = key.public_key();
    let both = [&seed[..], public.as_bytes()].concat();
    let file = json!({
        "address": public.address().to_string(),
        "pub_key": { "type": "tendermint/PubKeyEd25519", "value": base64(public.as_bytes()) },
        "priv_key": { "type": "tendermint/PrivKeyEd25519", "value": base64(&both) },
    });
    private(path, file.to_string().as_bytes());
    key
}

/// The last position that `state show` tells.
fn shown(home: &Path, chain: &str) -> String {
    let done = tmkms(home, &["state", "show", chain]);
    assert_eq!(done.code, 0, "{}", done.err);
    done.out.lines().next().unwrap().to_owned()
}

#[test]
fn forty_chains_of_an_older_tmkms_go_over_and_back() {
    let folder = tempfile::tempdir().unwrap();
    // A home with a space and another script in its name.
    let home = folder.path().join("mein κόσμος home");
    fs::create_dir(&home).unwrap();
    key_file(&home.join("identity.key"));
    let mut config = String::new();
    for n in 0..40 {
        let id = format!("chain-{n}");
        key_file(&home.join(format!("secrets/{id}.key")));
        let section = Chain::with_state(&id, &format!("state/{id}.json"))
            .node_with_identity(format_args!("tcp://127.0.0.1:{}", 20_000 + n))
            .key(&format!("secrets/{id}.key"));
        config.push_str(&section.to_string());
        let block =
            json!({"hash": "AB".repeat(32), "parts": {"total": 1, "hash": "CD".repeat(32)}});
        let state = json!({
            "height": (1_000 + n).to_string(), "round": "2", "step": n % 3,
            "block_id": if n % 2 == 0 { block } else { Value::Null },
        });
        private(
            &home.join(format!("state/{id}.json")),
            state.to_string().as_bytes(),
        );
    }
    // One of them cannot be read.
    private(&home.join("state/chain-7.json"), b"");
    fs::write(home.join("tmkms.toml"), config).unwrap();
    let old = fs::read(home.join("state/chain-3.json")).unwrap();

    let start = tmkms(&home, &["check"]);
    assert_eq!(start.code, 1);
    assert!(start.err.contains("`tmkms adopt -c "), "{}", start.err);

    let dry = tmkms(&home, &["adopt", "--dry-run"]);
    assert_eq!(dry.code, 1, "{}", dry.err);
    assert_eq!(dry.out.lines().count(), 41, "{}", dry.out);
    assert!(dry.err.contains("nothing was changed"), "{}", dry.err);
    assert_eq!(fs::read(home.join("state/chain-3.json")).unwrap(), old);

    let unasked = tmkms(&home, &["adopt"]);
    assert_eq!(unasked.code, 1);
    assert!(
        unasked.err.contains("repeat the command with `--yes`"),
        "{}",
        unasked.err
    );
    assert_eq!(fs::read(home.join("state/chain-3.json")).unwrap(), old);

    let done = tmkms(&home, &["adopt", "--yes"]);
    assert_eq!(
        done.code, 1,
        "chain-7 is named and the others are done: {}",
        done.err
    );
    assert!(
        done.err.contains("[chain-7]") && done.err.contains("is empty"),
        "{}",
        done.err
    );
    assert!(
        done.err.contains("not taken over: 1 chain;"),
        "{}",
        done.err
    );
    // A copy lies beside, and the older program cannot parse what it finds under the old name.
    assert_eq!(
        fs::read(home.join("state/chain-3.json.before-import")).unwrap(),
        old
    );
    assert!(
        serde_json::from_slice::<Value>(&fs::read(home.join("state/chain-3.json")).unwrap())
            .is_err()
    );
    assert_eq!(
        shown(&home, "chain-3").split(" (").next().unwrap(),
        "chain-3: watermark at 1003/2/proposal"
    );
    // A second time there is nothing left but the one.
    let again = tmkms(&home, &["adopt", "--yes"]);
    assert_eq!(again.code, 1);
    assert_eq!(again.out.matches(" nothing").count(), 39, "{}", again.out);

    // And back, in each format, read again by our reader of it.
    for n in (0..40).filter(|n| *n != 7) {
        let id = format!("chain-{n}");
        for format in ["tmkms", "cometbft", "horcrux"] {
            let file = home.join(format!("back/{format}/{id}.json"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let path = file.to_str().unwrap();
            let done = tmkms(
                &home,
                &["state", "export", &id, "--format", format, "-o", path],
            );
            assert_eq!(done.code, 0, "{}", done.err);
            let text = fs::read_to_string(&file).unwrap();
            let back: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(back["height"], (1_000 + n).to_string());
            let step = n % 3 + i32::from(format != "tmkms");
            assert_eq!(back["step"], step, "{text}");
            // Never over another file.
            let twice = tmkms(
                &home,
                &["state", "export", &id, "--format", format, "-o", path],
            );
            assert_eq!(twice.code, 1);
        }
    }
}

#[test]
fn a_state_under_another_path_is_taken_over_and_buried() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    key_file(&home.join("c.key"));
    fs::write(
        home.join("tmkms.toml"),
        Chain::with_default_state("c-1")
            .node(ABSENT)
            .key("c.key")
            .to_string(),
    )
    .unwrap();
    // Where the older program kept it by default.
    let old = home.join("c-1_priv_validator_state.json");
    private(
        &old,
        br#"{"height":"77","round":"0","step":1,"block_id":null}"#,
    );
    let done = tmkms(home, &["adopt", "--yes"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(shown(home, "c-1").contains("watermark at 77/0/prevote"));
    let left = fs::read_to_string(&old).unwrap();
    assert!(left.contains("tmkms state export c-1"), "{left}");
    assert!(serde_json::from_str::<Value>(&left).is_err());
    let kept = home.join("c-1_priv_validator_state.json.before-import");
    assert!(fs::read_to_string(kept).unwrap().contains("\"77\""));
    // The grave is not a state, and no trouble.
    let again = tmkms(home, &["adopt", "--yes"]);
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
}

#[test]
fn a_restored_home_is_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    key_file(&home.join("c.key"));
    fs::write(
        home.join("tmkms.toml"),
        Chain::with_state("c-1", "s.json")
            .node(ABSENT)
            .key("c.key")
            .to_string(),
    )
    .unwrap();
    assert_eq!(
        tmkms(home, &["state", "init", "c-1", "--height", "9"]).code,
        0
    );
    fs::copy(home.join("s.json"), home.join("t.json")).unwrap();
    fs::rename(home.join("t.json"), home.join("s.json")).unwrap();
    let check = tmkms(home, &["check"]);
    assert!(check.err.contains("`tmkms adopt -c "), "{}", check.err);
    let done = tmkms(home, &["adopt", "--yes"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.contains("a copy, is taken over"), "{}", done.out);
    assert_eq!(tmkms(home, &["check"]).code, 0);
}

#[test]
fn a_signer_of_this_home_that_still_runs_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    key_file(&home.join("c.key"));
    fs::write(
        home.join("tmkms.toml"),
        Chain::with_state("c-1", "s.json")
            .node(ABSENT)
            .key("c.key")
            .to_string(),
    )
    .unwrap();
    private(
        &home.join("s.json"),
        br#"{"height":"77","round":"0","step":1,"block_id":null}"#,
    );
    // Something that looks like the old program at work. `read` is the shell's own: with another program a child of the
    // shell goes by the shell's name until it has become that program, and may outlive it so.
    let mut child = {
        use std::os::unix::process::CommandExt;
        Command::new("sh")
            .arg0(home.join("old/horcrux"))
            .args(["-c", "read line", "start"])
            .current_dir(home)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    };
    // A new process has no arguments to be seen for a moment.
    while fs::read(format!("/proc/{}/cmdline", child.id())).is_ok_and(|line| line.is_empty()) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let done = tmkms(home, &["adopt", "--yes"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(done.code, 1);
    assert!(
        done.err
            .contains("a signer using this home is still running"),
        "{}",
        done.err
    );
    assert!(
        done.err.contains(&format!("process {}", child.id())),
        "{}",
        done.err
    );
    let done = tmkms(home, &["adopt", "--yes"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
}

#[test]
fn a_node_gives_key_and_state_and_cannot_sign_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (node, home) = (folder.path().join("node"), folder.path().join("kms"));
    let key = key_json(&node.join("config/priv_validator_key.json"));
    private(
        &node.join("config/genesis.json"),
        br#"{"genesis_time":"x","chain_id":"c-1","app_state":{"a":[1,2]}}"#,
    );
    let state = node.join("data/priv_validator_state.json");
    private(&state, br#"{"height":"41","round":0,"step":3}"#);
    fs::create_dir_all(&home).unwrap();
    fs::write(
        home.join("tmkms.toml"),
        Chain::with_state("c-1", "s.json")
            .node(ABSENT)
            .key("secrets/c.key")
            .to_string(),
    )
    .unwrap();
    fs::create_dir(home.join("secrets")).unwrap();
    let from = node.join("config/priv_validator_key.json");
    let from = from.to_str().unwrap();

    // The bare form refuses and prints what to type.
    let bare = tmkms(&home, &["softsign", "import", from, "secrets/c.key"]);
    assert_eq!(bare.code, 2);
    assert!(!home.join("secrets/c.key").exists());
    let line = bare
        .err
        .lines()
        .find(|line| line.contains("--state"))
        .unwrap()
        .trim();
    assert!(line.contains(state.to_str().unwrap()), "{line}");
    // As printed it asks, and here is nobody to ask.
    let printed = line.split('`').nth(1).unwrap();
    let words: Vec<&str> = printed.split(' ').skip(1).collect();
    let asked = tmkms(&home, &words);
    assert_eq!(asked.code, 1, "{line}\n{}", asked.err);
    assert!(asked.err.contains("`--yes`"), "{}", asked.err);
    assert!(!home.join("secrets/c.key").exists() && !home.join("s.json").exists());
    let words = [&words[..], &["--yes"]].concat();
    let done = tmkms(&home, &words);
    assert_eq!(done.code, 0, "{}", done.err);
    // As after `adopt`.
    assert!(serde_json::from_slice::<Value>(&fs::read(&state).unwrap()).is_err());
    assert!(
        done.err.contains("priv_validator_key.json away"),
        "{}",
        done.err
    );
    assert!(
        done.out.contains(&key.public_key().address().to_string()),
        "{}",
        done.out
    );
    let mode = fs::metadata(home.join("secrets/c.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(shown(&home, "c-1").contains("41/0/precommit"));
    assert_eq!(tmkms(&home, &["check"]).code, 0);
    // A key that signed is not a key that never signed.
    fs::remove_file(home.join("secrets/c.key")).unwrap();
    let lie = tmkms(
        &home,
        &[
            "softsign",
            "import",
            "--never-signed",
            from,
            "secrets/c.key",
        ],
    );
    assert_eq!(lie.code, 1);
    assert!(lie.err.contains("so it has signed"), "{}", lie.err);
    assert!(!home.join("secrets/c.key").exists());
    // Elsewhere than configured.
    let other = tmkms(
        &home,
        &["softsign", "import", "--never-signed", from, "other.key"],
    );
    assert_eq!(other.code, 2);
    assert!(other.err.contains("secrets/c.key (c-1)"), "{}", other.err);
    assert_eq!(tmkms(&home, &words).code, 0);

    // The node went on a little; then its home is adopted.
    private(&state, br#"{"height":"42","round":0,"step":2}"#);
    let done = tmkms(&home, &["adopt", node.to_str().unwrap(), "--yes"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(shown(&home, "c-1").contains("42/0/prevote"));
    assert!(serde_json::from_slice::<Value>(&fs::read(&state).unwrap()).is_err());
    assert!(
        done.err.contains("priv_validator_key.json away"),
        "{}",
        done.err
    );
}

#[test]
fn horcrux_with_one_chain_becomes_a_home() {
    let folder = tempfile::tempdir().unwrap();
    let (old, home) = (folder.path().join(".horcrux"), folder.path().join("kms"));
    let key = key_json(&old.join("cosmoshub-4_priv_validator_key.json"));
    private(
        &old.join("config.yaml"),
        b"signMode: single\nchainNodes:\n- privValAddr: tcp://10.1.2.3:1234\n- privValAddr: tcp://10.1.2.4:1234\ndebugAddr: \"\"\n",
    );
    let state = old.join("state/cosmoshub-4_priv_validator_state.json");
    private(
        &state,
        br#"{"height":"500","round":"0","step":2,"nonce_public":null,"signature":null}"#,
    );
    private(
        &old.join("state/cosmoshub-4_share_sign_state.json"),
        br#"{"height":"501","round":"0","step":1,"nonce_public":null,"signature":null}"#,
    );
    fs::create_dir(&home).unwrap();
    let path = old.to_str().unwrap();
    let dry = tmkms(&home, &["adopt", path, "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.err);
    assert!(
        dry.out.contains("addr = \"tcp://10.1.2.4:1234\""),
        "{}",
        dry.out
    );
    // The same table as ever, in a file that can be used as it is.
    let address = key.public_key().address().to_string();
    for words in ["cosmoshub-4", &address, "500/0/prevote", "501/0/proposal"] {
        assert!(
            dry.out
                .lines()
                .any(|line| line.starts_with("# ") && line.contains(words)),
            "no {words} in {}",
            dry.out
        );
    }
    // Neither that nor a declined question leaves anything.
    let declined = tmkms(&home, &["adopt", path]);
    assert_eq!(declined.code, 1);
    assert!(
        declined.err.contains("nothing was changed"),
        "{}",
        declined.err
    );
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    // A temporary folder may lie in memory; a real home needs no such line.
    let text = dry
        .out
        .replace("[[chain]]\n", "[[chain]]\nallow_ephemeral_state = true\n");
    assert!(text.contains("cosmosvalconspub"), "{text}");
    let done = tmkms(&home, &["adopt", path, "--yes"]);
    if done.code != 0 {
        assert!(done.err.contains("allow_ephemeral_state"), "{}", done.err);
        fs::write(home.join("tmkms.toml"), &text).unwrap();
        let done = tmkms(&home, &["adopt", path, "--yes"]);
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    }
    assert!(shown(&home, "cosmoshub-4").contains("501/0/proposal"));
    assert!(serde_json::from_slice::<Value>(&fs::read(&state).unwrap()).is_err());
    let keys = tmkms(&home, &["keys", "show"]);
    assert!(
        keys.out.contains(&key.public_key().address().to_string()),
        "{}",
        keys.out
    );
    let mode = fs::metadata(home.join("secrets/kms-identity.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn horcrux_with_two_chains_says_what_it_cannot_know() {
    let folder = tempfile::tempdir().unwrap();
    let (old, home) = (folder.path().join(".horcrux"), folder.path().join("kms"));
    for id in ["a-1", "b-1"] {
        key_json(&old.join(format!("{id}_priv_validator_key.json")));
        private(
            &old.join(format!("state/{id}_priv_validator_state.json")),
            br#"{"height":"500","round":"0","step":2,"nonce_public":null}"#,
        );
    }
    private(
        &old.join("config.yaml"),
        b"signMode: single\nchainNodes:\n- privValAddr: tcp://10.1.2.3:1234\n- privValAddr: tcp://10.1.2.4:1234\n",
    );
    fs::create_dir(&home).unwrap();
    let done = tmkms(&home, &["adopt", old.to_str().unwrap(), "--yes"]);
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(
        done.err
            .contains("give each [[validator]] its `chain_id` among a-1, b-1"),
        "{}",
        done.err
    );
    let text = fs::read_to_string(home.join("tmkms.toml")).unwrap();
    let text = text
        .replacen("WHICH CHAIN?", "a-1", 1)
        .replacen("WHICH CHAIN?", "b-1", 1)
        .replace("[[chain]]\n", "[[chain]]\nallow_ephemeral_state = true\n");
    fs::write(home.join("tmkms.toml"), text).unwrap();
    let done = tmkms(&home, &["adopt", old.to_str().unwrap(), "--yes"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(shown(&home, "b-1").contains("500/0/prevote"));
}

#[test]
fn a_cosigner_of_horcrux_is_told_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (old, home) = (folder.path().join(".horcrux"), folder.path().join("kms"));
    key_json(&old.join("a-1_priv_validator_key.json"));
    private(
        &old.join("state/a-1_share_sign_state.json"),
        br#"{"height":"500","round":"0","step":2,"nonce_public":null}"#,
    );
    private(
        &old.join("config.yaml"),
        b"thresholdMode:\n  threshold: 2\n  cosigners:\n  - {shardID: 1, p2pAddr: \"tcp://10.0.0.1:2222\"}\n\
          \x20 - {shardID: 2, p2pAddr: \"tcp://10.0.0.2:2222\"}\n  - {shardID: 3, p2pAddr: \"tcp://10.0.0.3:2222\"}\n\
          chainNodes:\n- privValAddr: tcp://10.1.2.3:1234\n",
    );
    fs::create_dir(&home).unwrap();
    let path = old.to_str().unwrap();
    for more in [&["--dry-run"][..], &[]] {
        let told = tmkms(&home, &[&["adopt", path], more].concat());
        for words in [
            "one of 3 cosigners",
            "tcp://10.0.0.3:2222",
            "any 2 of them sign together",
            "may be behind the others'",
            "state import a-1 FILE",
            "state raise a-1 --height H",
        ] {
            assert!(told.err.contains(words), "no {words} in {}", told.err);
        }
    }
    // A single signer has no others.
    private(
        &old.join("config.yaml"),
        b"signMode: single\nchainNodes:\n- privValAddr: tcp://10.1.2.3:1234\n",
    );
    let told = tmkms(&home, &["adopt", path, "--dry-run"]);
    assert!(!told.err.contains("cosigner"), "{}", told.err);
}

/// Three homes of horcrux become three members: first each is made ready, then each takes its state over.
#[test]
fn cosigners_of_horcrux_become_members() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: String| folder.path().join(name);
    let config = "thresholdMode:\n  threshold: 2\n  cosigners:\n  - {shardID: 3, p2pAddr: \"tcp://10.0.0.3:2222\"}\n\
                  \x20 - {shardID: 1, p2pAddr: \"tcp://10.0.0.1:2222\"}\n  - {shardID: 2, p2pAddr: \"tcp://10.0.0.2:2222\"}\n\
                  chainNodes:\n- privValAddr: unix:///tmp/node.sock\n";
    let mut lines = Vec::new();
    for id in 1..=3 {
        let (old, home) = (at(format!("hx{id}")), at(format!("kms{id}")));
        let shard = fs::read(format!("tests/horcrux/2-3/{id}_shard.json")).unwrap();
        private(&old.join("harness-1_shard.json"), &shard);
        let state = format!(r#"{{"height":"50{id}","round":"0","step":2,"nonce_public":null}}"#);
        private(
            &old.join("state/harness-1_share_sign_state.json"),
            state.as_bytes(),
        );
        private(&old.join("config.yaml"), config.as_bytes());
        fs::create_dir(&home).unwrap();
        let path = old.to_str().unwrap();
        let dry = tmkms(&home, &["adopt", path, "--dry-run"]);
        assert_eq!(dry.code, 0, "{}", dry.err);
        assert!(dry.out.contains("[[providers.cosign]]") && !home.join("tmkms.toml").exists());
        // No question: nothing signs with it yet.
        let made = tmkms(&home, &["adopt", path]);
        assert_eq!(made.code, 0, "{}", made.err);
        for words in [
            &*format!("becomes member {id} of 3"),
            "stop all cosigners for good",
        ] {
            assert!(made.err.contains(words), "no {words} in {}", made.err);
        }
        let (_, own) = made.out.split_once("# chain harness-1:\n").unwrap();
        lines.push(own.trim().to_owned());
        // What was not completed is not taken for a configuration.
        let again = tmkms(&home, &["adopt", path, "--yes"]);
        assert_eq!(again.code, 2, "{}", again.err);
        assert!(again.err.contains("tmkms.toml"), "{}", again.err);
    }
    for id in 1..=3 {
        let (old, home) = (at(format!("hx{id}")), at(format!("kms{id}")));
        let file = home.join("tmkms.toml");
        let text = fs::read_to_string(&file).unwrap();
        let (before, _) = text.split_once("[[providers.cosign.members]]").unwrap();
        let before = before.replace("[[chain]]\n", "[[chain]]\nallow_ephemeral_state = true\n");
        fs::write(&file, format!("{before}{}\n", lines.join("\n\n"))).unwrap();
        let done = tmkms(&home, &["adopt", old.to_str().unwrap(), "--yes"]);
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
        let check = tmkms(&home, &["check"]);
        assert_eq!(check.code, 0, "{}{}", check.out, check.err);
        assert!(
            check.err.contains(&format!("share {id} of a key")),
            "{}",
            check.err
        );
        assert!(shown(&home, "harness-1").contains(&format!("50{id}/0/prevote")));
    }
}

/// What cannot be a member is told as before.
#[test]
fn shards_of_which_half_are_enough_are_put_together_first() {
    let folder = tempfile::tempdir().unwrap();
    let (old, home) = (folder.path().join(".horcrux"), folder.path().join("kms"));
    let shard = fs::read("tests/horcrux/2-3/1_shard.json").unwrap();
    private(&old.join("harness-1_shard.json"), &shard);
    private(
        &old.join("state/harness-1_share_sign_state.json"),
        br#"{"height":"500","round":"0","step":2,"nonce_public":null}"#,
    );
    fs::create_dir(&home).unwrap();
    let member = |id: u32| format!("  - {{shardID: {id}, p2pAddr: \"tcp://10.0.0.{id}:2222\"}}\n");
    for ids in [vec![1, 2, 3, 4], vec![2, 3, 4], vec![1, 2, 2]] {
        let members: String = ids.into_iter().map(member).collect();
        let config = format!(
            "thresholdMode:\n  threshold: 2\n  cosigners:\n{members}chainNodes:\n- privValAddr: tcp://10.1.2.3:1234\n"
        );
        private(&old.join("config.yaml"), config.as_bytes());
        let told = tmkms(&home, &["adopt", old.to_str().unwrap(), "--dry-run"]);
        assert!(
            told.err.contains("its key is split into shards"),
            "{}",
            told.err
        );
        assert!(!told.out.contains("providers.cosign"), "{}", told.out);
    }
}

#[test]
fn cosmos_kms_becomes_a_home_and_what_it_cannot_do_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (old, home) = (folder.path().join(".kms"), folder.path().join("kms"));
    key_json(&old.join("a.json"));
    // Go's 64 bytes in base64: seed and public key.
    let (b, text) = SoftKey::generate(Default::default()).unwrap();
    let seed = tmkms::text::base64::decode(text.trim_ascii()).unwrap();
    let both = [&seed[..], b.public_key().as_bytes()].concat();
    private(&old.join("b.key"), &subtle_encoding::base64::encode(both));
    private(
        &old.join("kms.yaml"),
        b"chains:\n  - id: a-1\n  - id: b-1\n    state_file: elsewhere/b.json\n  - id: n-1\n  - id: h-1\n\
          validators:\n  - chain_id: a-1\n    addr: tcp://10.0.0.1:26659\n    identity_key: identity.json\n\
          \x20 - {chain_id: b-1, addr: \"noise://12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7@10.0.0.2:26659\", identity_key: identity.json}\n\
          \x20 - {chain_id: n-1, addr: \"noise://12D3KooWabc@10.0.0.3:26659\", identity_key: identity.json}\n\
          \x20 - {chain_id: h-1, addr: \"tcp://10.0.0.4:26659\", identity_key: identity.json}\n\
          keys:\n  - chain_ids: [a-1]\n    backend: file\n    key_file: a.json\n\
          \x20 - {chain_ids: [b-1, n-1], key_file: b.key}\n\
          \x20 - {chain_ids: [h-1], backend: pkcs11, module: /x.so, pin: \"1234\"}\n\
          grpc:\n  listen: 0.0.0.0:9090\n",
    );
    for (path, height) in [
        ("state/a-1.json", 10),
        ("elsewhere/b.json", 20),
        ("state/n-1.json", 30),
        ("state/h-1.json", 40),
    ] {
        let state = json!({"height": height.to_string(), "round": 0, "step": 3});
        private(&old.join(path), state.to_string().as_bytes());
    }
    fs::create_dir(&home).unwrap();
    let path = old.to_str().unwrap();
    let dry = tmkms(&home, &["adopt", path, "--dry-run"]);
    assert!(!dry.out.contains("1234"), "no PIN in sight: {}", dry.out);
    let address = b.public_key().address().to_string();
    let row = dry
        .out
        .lines()
        .find(|line| line.contains(&address))
        .unwrap();
    assert!(
        row.contains("b-1") && row.contains("20/0/precommit"),
        "{row}"
    );
    assert_eq!(tmkms(&home, &["adopt", path]).code, 1);
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    fs::write(
        home.join("tmkms.toml"),
        dry.out
            .replace("[[chain]]\n", "[[chain]]\nallow_ephemeral_state = true\n"),
    )
    .unwrap();
    key_file(&home.join("secrets/kms-identity.key"));
    let done = tmkms(&home, &["adopt", path, "--yes"]);
    assert_eq!(
        done.code, 1,
        "two chains cannot be taken over: {}",
        done.err
    );
    for words in [
        "[n-1] the address of its node noise://12D3KooWabc@10.0.0.3:26659 is wrong",
        "a node with a noise:// link admits only",
        "[h-1] its key is of backend pkcs11",
        "no counterpart",
        "2 chains",
    ] {
        assert!(done.err.contains(words), "no {words} in {}", done.err);
    }
    assert!(shown(&home, "a-1").contains("10/0/precommit"));
    assert!(shown(&home, "b-1").contains("20/0/precommit"));
    let keys = tmkms(&home, &["keys", "show"]);
    assert!(
        keys.out.contains(&b.public_key().address().to_string()),
        "{}",
        keys.out
    );
}

#[test]
fn what_is_no_signer_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let done = tmkms(folder.path(), &["adopt", "nowhere"]);
    assert_eq!(done.code, 1);
    assert!(
        done.err.contains("nowhere: no such file or directory"),
        "{}",
        done.err
    );
    let done = tmkms(folder.path(), &["adopt"]);
    assert_eq!(done.code, 1);
    assert!(
        done.err.contains("not the home of a signer"),
        "{}",
        done.err
    );
    fs::write(folder.path().join("config.yaml"), "a: [1\n").unwrap();
    let done = tmkms(folder.path(), &["adopt"]);
    assert_eq!(done.code, 1);
    assert!(
        done.err.contains("config.yaml cannot be read"),
        "{}",
        done.err
    );
}
