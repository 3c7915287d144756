//! Another signer's state, and what becomes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tmkms::backends::softsign::key::SoftKey;
use tmkms::consensus::KeyType;

use super::walk::{Said, Walk, private};

const OLD: &[u8] = br#"{"height":"41","round":"0","step":1,"block_id":null}"#;

fn import(walk: &Walk, file: &Path) -> Said {
    let file = file.to_str().unwrap();
    walk.tmkms(&["state", "import", "test-1", file, "--yes"])
}

#[test]
fn a_state_that_was_taken_over_before() {
    let walk = Walk::of("a_state_that_was_taken_over_before");
    let old = walk.elsewhere("old.json");
    private(&old, OLD);
    assert_eq!(import(&walk, &old).code, 0);
    // The way back stands in its place.
    let left = Said {
        code: 0,
        text: fs::read_to_string(&old)
            .unwrap()
            .replace("way back: ", "way back: `")
            .replace(".toml\n", ".toml`\n")
            .replace(".toml'\n", ".toml'`\n"),
    };
    let back = walk.follow(&left, "The way back", "tmkms state export test-1");
    assert!(back.text.contains("\"41\""), "{}", back.text);
    assert!(back.text.contains("Sealed"), "{}", back.text);
    // Our own state is lost, and the old file is only a text.
    fs::remove_file(walk.path("state.json")).unwrap();
    let said = import(&walk, &old);
    assert_eq!(said.code, 1, "{}", said.text);
    let printed = walk.printed(
        &said.text,
        "already; what lay there is",
        "tmkms state import",
    );
    walk.paste_and_agree(&printed, &[]);
    walk.is_ready();
    walk.signs(42);
}

/// The text that a take-over leaves says nothing about where that host stood.
#[test]
fn what_another_host_left() {
    let walk = Walk::of("what_another_host_left");
    let old = walk.elsewhere("old.json");
    private(&old, OLD);
    assert_eq!(import(&walk, &old).code, 0);
    let nothing = import(&walk, &old);
    assert!(
        nothing.text.contains("taken this over already"),
        "{}",
        nothing.text
    );
    let left = walk.elsewhere("host-2.json");
    private(&left, &fs::read(&old).unwrap());
    let said = import(&walk, &left);
    assert_eq!(said.code, 1, "{}", said.text);
    let words = "tmkms state import test-1 FILE";
    let whose = "another host or another home did";
    assert!(said.text.contains(whose), "{}", said.text);
    let printed = walk.printed(&said.text, whose, words);
    let kept = walk.elsewhere("host-2.json.before-import");
    let higher = String::from_utf8(OLD.to_vec())
        .unwrap()
        .replacen("41", "51", 1);
    private(&kept, higher.as_bytes());
    walk.paste_and_agree(&printed, &[("FILE", kept.to_str().unwrap())]);
    walk.is_ready();
    walk.signs(52);
}

#[test]
fn a_take_over_that_broke_off() {
    let walk = Walk::of("a_take_over_that_broke_off");
    let state = walk.path("state.json");
    private(&state, OLD);
    assert_eq!(import(&walk, &state).code, 0);
    // As it is between the old file's new name and the new state.
    let text = "This state was taken over by tmkms for chain test-1 and is kept in X.\n\
                The file that lay here is now KEPT.\nand so on\n";
    let kept = walk.path("state.json.before-import");
    private(
        &state,
        text.replace("KEPT", kept.to_str().unwrap()).as_bytes(),
    );
    let said = walk.tmkms(&["adopt", "--yes"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let words = "tmkms state import test-1";
    let printed = walk.printed(&said.text, "did not come to its end", words);
    walk.paste_and_agree(&printed, &[]);
    walk.is_ready();
    walk.signs(42);
}

#[test]
fn an_old_state_that_is_empty() {
    let walk = Walk::of("an_old_state_that_is_empty");
    // At our own place it is in the way.
    let state = walk.path("state.json");
    private(&state, b"\n");
    let said = import(&walk, &state);
    assert_eq!(said.code, 1, "{}", said.text);
    walk.follow(&said, "look up the last height this key signed", "mv");
    let words = "tmkms state init test-1 --height H";
    walk.follow_filled(&said, "look up the last height", words, &[("H", "100")]);
    walk.is_ready();
    walk.signs(101);
}

#[test]
fn an_old_state_that_never_signed() {
    let walk = Walk::of("an_old_state_that_never_signed");
    let old = walk.elsewhere("old.json");
    private(&old, br#"{"height":"0","round":"0","step":0}"#);
    let said = import(&walk, &old);
    assert_eq!(said.code, 1, "{}", said.text);
    let words = "tmkms state init test-1 --never-signed";
    walk.follow(&said, "if that is so", words);
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn no_old_state_at_all() {
    let walk = Walk::of("no_old_state_at_all");
    let said = walk.tmkms(&["adopt", "--yes"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let words = "tmkms state init test-1 --never-signed";
    walk.follow(&said, "no state was found", words);
    walk.is_ready();
    fs::remove_file(walk.path("state.json")).unwrap();
    let words = "tmkms state init test-1 --height H";
    walk.follow_filled(&said, "no state was found", words, &[("H", "100")]);
    walk.signs(101);
}

#[test]
fn a_node_home_without_state() {
    let walk = Walk::of("a_node_home_without_state");
    let genesis = walk.elsewhere("node/config/genesis.json");
    fs::create_dir_all(genesis.parent().unwrap()).unwrap();
    fs::write(&genesis, r#"{"chain_id":"test-1"}"#).unwrap();
    fs::write(genesis.with_file_name("priv_validator_key.json"), "{}").unwrap();
    let node = walk.elsewhere("node");
    let said = walk.tmkms(&["adopt", node.to_str().unwrap(), "--yes"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let words = "tmkms state init test-1 --height H";
    walk.follow_filled(
        &said,
        "say the last height this key signed",
        words,
        &[("H", "100")],
    );
    walk.is_ready();
    walk.signs(101);
}

#[test]
fn one_of_several_cosigners() {
    let walk = Walk::of("one_of_several_cosigners");
    let old = walk.elsewhere("hx");
    fs::create_dir_all(old.join("state")).unwrap();
    private(
        &old.join("config.yaml"),
        b"thresholdMode:\n  threshold: 2\n  cosigners:\n  - {p2pAddr: \"tcp://10.0.0.1:2222\"}\n\
          \x20 - {p2pAddr: \"tcp://10.0.0.2:2222\"}\nchainNodes:\n- privValAddr: tcp://10.1.2.3:1234\n",
    );
    let state = |height: &str| {
        format!(r#"{{"height":"{height}","round":"0","step":2,"nonce_public":null}}"#)
    };
    private(
        &old.join("state/test-1_share_sign_state.json"),
        state("500").as_bytes(),
    );
    let said = walk.tmkms(&["adopt", old.to_str().unwrap(), "--yes"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let other = walk.elsewhere("other.json");
    private(&other, state("600").as_bytes());
    let words = "tmkms state import test-1 FILE";
    let printed = walk.printed(&said.text, "may be behind the others'", words);
    walk.paste_and_agree(&printed, &[("FILE", other.to_str().unwrap())]);
    let words = "tmkms state raise test-1 --height H";
    walk.follow_filled(&said, "may be behind the others'", words, &[("H", "700")]);
    walk.is_ready();
    walk.signs(701);
}

#[test]
fn a_key_in_shards() {
    let walk = Walk::of("a_key_in_shards");
    let old = walk.elsewhere("hx");
    fs::create_dir_all(old.join("state")).unwrap();
    let shard = |id: u32| fs::read(format!("tests/horcrux/2-3/{id}_shard.json")).unwrap();
    private(&old.join("harness-1_shard.json"), &shard(1));
    private(
        &old.join("config.yaml"),
        b"chainNodes:\n- privValAddr: tcp://10.1.2.3:1234\n",
    );
    private(
        &old.join("state/harness-1_share_sign_state.json"),
        br#"{"height":"500","round":"0","step":2,"nonce_public":null}"#,
    );
    let other = walk.elsewhere("other.json");
    private(&other, &shard(3));
    let (home, config) = (old.to_str().unwrap(), walk.elsewhere("new/tmkms.toml"));
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    let adopt = ["adopt", home, "-c", config.to_str().unwrap(), "--yes"];
    let said = walk.tmkms(&adopt);
    assert_eq!(said.code, 1, "{}", said.text);
    let own = old.join("harness-1_shard.json");
    walk.follow_filled(
        &said,
        "its key is split into shards",
        "tmkms cosign recover SHARD1 SHARD2",
        &[
            ("SHARD1", own.to_str().unwrap()),
            ("SHARD2", other.to_str().unwrap()),
        ],
    );
    let said = walk.tmkms(&adopt);
    assert_eq!(said.code, 0, "{}", said.text);
    let address = "D9469454F51A0DCDA51E8ADAAC7F6BE867C907D9";
    assert!(said.text.contains(address), "{}", said.text);
    let check = walk.tmkms(&["check", "-c", config.to_str().unwrap()]);
    assert!(check.text.contains("500/0/prevote"), "{}", check.text);
}

/// A node's home with a state at height 41.
fn node_home(walk: &Walk, config: &str) -> std::path::PathBuf {
    let node = walk.elsewhere("node");
    for (name, text) in [
        ("data/priv_validator_state.json", STATE_41),
        ("config/genesis.json", "{\"chain_id\":\"test-1\"}"),
        ("config/config.toml", config),
    ] {
        fs::create_dir_all(node.join(name).parent().unwrap()).unwrap();
        fs::write(node.join(name), text).unwrap();
    }
    node
}

const STATE_41: &str = "{\"height\":\"41\",\"round\":0,\"step\":3}";

#[test]
fn a_node_that_had_a_remote_signer() {
    let walk = Walk::of("a_node_that_had_a_remote_signer");
    let node = node_home(&walk, "priv_validator_laddr = \"tcp://0.0.0.0:26659\"\n");
    let said = walk.tmkms(&["adopt", node.to_str().unwrap(), "--yes"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let other = walk.elsewhere("other.json");
    private(&other, STATE_41.replace("41", "600").as_bytes());
    let message = "a remote signer has signed for this node";
    let printed = walk.printed(&said.text, message, "tmkms state import test-1 FILE");
    walk.paste_and_agree(&printed, &[("FILE", other.to_str().unwrap())]);
    let words = "tmkms state raise test-1 --height H";
    walk.follow_filled(&said, message, words, &[("H", "700")]);
    walk.is_ready();
    walk.signs(701);
}

#[test]
fn a_chain_with_two_nodes() {
    let walk = Walk::of("a_chain_with_two_nodes");
    let config = walk.home.config();
    walk.home.configure(&format!(
        "{config}[[validator]]\nchain_id = \"test-1\"\naddr = \"unix:///run/none.sock\"\n"
    ));
    let node = node_home(&walk, "");
    let said = walk.tmkms(&["adopt", node.to_str().unwrap(), "--yes"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let other = walk.elsewhere("other.json");
    private(&other, STATE_41.replace("41", "600").as_bytes());
    let words = "tmkms state import test-1 FILE";
    let printed = walk.printed(&said.text, "another signer for any of them", words);
    walk.paste_and_agree(&printed, &[("FILE", other.to_str().unwrap())]);
    walk.is_ready();
    walk.signs(601);
}

#[test]
fn a_node_that_still_has_its_key() {
    let walk = Walk::of("a_node_that_still_has_its_key");
    let (key, _) = SoftKey::generate(KeyType::Ed25519).unwrap();
    let public =
        String::from_utf8(subtle_encoding::base64::encode(key.public_key().as_bytes())).unwrap();
    let config = walk.elsewhere("node/config");
    fs::create_dir_all(&config).unwrap();
    fs::create_dir_all(walk.elsewhere("node/data")).unwrap();
    let file = config.join("priv_validator_key.json");
    fs::write(&file, format!(r#"{{"pub_key":{{"value":"{public}"}}}}"#)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(walk.path("consensus.key")).unwrap();
    private(&walk.path("consensus.key"), &key.to_base64());
    private(
        &walk.elsewhere("node/data/priv_validator_state.json"),
        br#"{"height":"41","round":0,"step":3}"#,
    );
    let said = import(
        &walk,
        &walk.elsewhere("node/data/priv_validator_state.json"),
    );
    assert_eq!(said.code, 0, "{}", said.text);
    walk.follow(&said, "so that the node can never sign with it", "mv");
    assert!(!file.exists());
    walk.is_ready();
}

#[test]
fn a_chain_that_was_handed_over() {
    let walk = Walk::of("a_chain_that_was_handed_over");
    walk.home.init();
    let said = walk.tmkms(&["state", "export", "test-1", "--format", "cometbft"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let words = "tmkms state export test-1 --format cometbft --retire";
    walk.follow(&said, "before the other signer starts run", words);
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 1, "{}", said.text);
    let newest = walk.elsewhere("newest.json");
    private(&newest, OLD);
    let words = "tmkms state import test-1 FILE";
    let printed = walk.printed(&said.text, "was handed over to another signer", words);
    let file = newest.to_str().unwrap();
    let asked = walk.paste_filled(&printed, &[("FILE", file)], "");
    assert!(asked.text.contains("`--insist test-1`"), "{}", asked.text);
    let more = ["--insist", "test-1", "--yes"];
    let done = walk.tmkms(&[&["state", "import", "test-1", file], &more[..]].concat());
    assert_eq!(done.code, 0, "{}", done.text);
    walk.is_ready();
    walk.signs(42);
}
