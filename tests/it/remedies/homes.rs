//! New homes, and keys that come from another signer.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tmkms::codec::node::Ask;
use tmkms::harness::Listener;

use super::keys::at_a_node;
use super::walk::Walk;
use crate::support::ABSENT;
use crate::support::chain::Chain;
use crate::support::home::PATIENCE;

#[test]
fn no_configuration() {
    let walk = Walk::of("no_configuration");
    let config = walk.home.config();
    fs::create_dir(walk.path("a new home")).unwrap();
    // From an older tmkms, of which only the configuration was named wrongly.
    let said = walk.tmkms(&["check", "-c", "a new home"]);
    assert_eq!(said.code, 2, "{}", said.text);
    let printed = walk.printed(&said.text, "takes another signer over", "tmkms adopt HOME");
    let old = walk.home.path().to_str().unwrap().to_owned();
    let taken = walk.paste_filled(&printed, &[("HOME", &old)], "");
    assert!(taken.text.contains("test-1"), "{}", taken.text);
    assert_eq!(walk.home.config(), config);

    let known = walk.follow(&said, "lists the names", "tmkms networks");
    assert!(known.text.contains("cosmoshub"), "{}", known.text);
    let fill = [("NAME", "cosmoshub")];
    walk.follow_filled(
        &said,
        "makes a new home with a",
        "tmkms init -n NAME",
        &fill,
    );
    let said = walk.tmkms(&["check", "-c", "a new home"]);
    assert!(said.text.contains("cosmoshub-4  NO"), "{}", said.text);
}

#[test]
fn a_network_that_nobody_knows() {
    let walk = Walk::of("a_network_that_nobody_knows");
    for name in ["no such network at all", "cosmoshab"] {
        let said = walk.tmkms(&["init", "-n", name, "new"]);
        assert_eq!(said.code, 2, "{}", said.text);
        let known = walk.follow(&said, "lists all", "tmkms networks");
        assert!(known.text.contains("cosmoshub"), "{}", known.text);
        assert!(!walk.path("new").exists());
    }
}

#[test]
fn a_home_without_a_network() {
    let walk = Walk::of("a_home_without_a_network");
    let said = walk.tmkms(&["init", "a new home"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let fill = [("NAME", "cosmoshub")];
    walk.follow_filled(&said, "write your chains into", "tmkms init -n NAME", &fill);
    let config = fs::read_to_string(walk.path("a new home/tmkms.toml")).unwrap();
    assert!(config.contains("id = \"cosmoshub-4\""), "{config}");
}

/// What was there stays: the comments, and whatever was set.
#[test]
fn a_home_whose_sections_are_comments() {
    let walk = Walk::of("a_home_whose_sections_are_comments");
    assert_eq!(walk.tmkms(&["init", "a new home"]).code, 0);
    let path = walk.path("a new home/tmkms.toml");
    let before = fs::read_to_string(&path).unwrap();
    let before = before.replace("# lock_dir = \"/run/tmkms\"", "control_socket = \"c.sock\"");
    fs::write(&path, &before).unwrap();
    let check = ["check", "-c", "a new home/tmkms.toml"];
    let said = walk.tmkms(&check);
    assert_eq!(said.code, 2, "{}", said.text);
    assert!(said.text.contains("its sections are commented out"));
    let fill = [("NAME", "cosmoshub,bandchain")];
    walk.follow_filled(
        &said,
        "or have them written with",
        "tmkms init -n NAME",
        &fill,
    );
    let after = fs::read_to_string(&path).unwrap();
    assert!(after.starts_with(before.trim_end()), "{after}");
    let said = walk.tmkms(&check);
    assert!(said.text.contains("laozi-mainnet"), "{}", said.text);
}

/// A file that others may read is not made one of its owner's alone, unless the operator says so.
#[test]
fn a_home_whose_configuration_the_group_may_read() {
    let walk = Walk::of("a_home_whose_configuration_the_group_may_read");
    assert_eq!(walk.tmkms(&["init", "-n", "osmosis", "a new home"]).code, 0);
    let path = walk.path("a new home/tmkms.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::read_to_string(&path).unwrap();
    let add = ["init", "-n", "irishub", "a new home"];
    let said = walk.tmkms(&add);
    assert_eq!(said.code, 1, "{}", said.text);
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    walk.follow(&said, "and the same command again, or add", "chmod 600");
    let said = walk.tmkms(&add);
    assert_eq!(said.code, 0, "{}", said.text);
    let after = fs::read_to_string(&path).unwrap();
    assert!(after.contains("id = \"irishub-1\""), "{after}");
}

/// Band's validators sign with secp256k1.
#[test]
fn a_new_home_for_a_network_of_other_keys() {
    let walk = Walk::of("a_new_home_for_a_network_of_other_keys");
    let said = walk.tmkms(&["init", "-n", "bandchain", "a new home"]);
    let keygen = "tmkms softsign keygen -t account";
    walk.follow(&said, "bring the validator's key to", keygen);
    let show = ["keys", "show", "-c", "a new home/tmkms.toml"];
    let shown = walk.tmkms(&show);
    assert!(shown.text.contains("bandpub1"), "{}", shown.text);
    // A key of the usual type is read, and told.
    let path = walk.path("a new home/tmkms.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config.replace("algorithm = \"secp256k1\"\n", "")).unwrap();
    let said = walk.tmkms(&["check", "-c", "a new home/tmkms.toml"]);
    let warned = "the key is ed25519, and validators of Band Protocol have keys of type secp256k1";
    assert!(said.text.contains(warned), "{}", said.text);
    // What nodes of Celestia ask for is allowed there, and told where it is not.
    assert_eq!(walk.tmkms(&["init", "-n", "celestia", "raw home"]).code, 0);
    let key = "raw home/secrets/celestia-consensus.key";
    assert_eq!(walk.tmkms(&["softsign", "keygen", key]).code, 0);
    let path = walk.path("raw home/tmkms.toml");
    let config = fs::read_to_string(&path).unwrap();
    let check = ["check", "-c", "raw home/tmkms.toml"];
    let warned = "nodes of Celestia have raw bytes signed for fibre, which is not allowed here";
    let said = walk.tmkms(&check);
    assert!(!said.text.contains(warned), "{}", said.text);
    let setting = "raw_bytes = { dialect = \"celestia\", ids = [\"fibre\"] }\n";
    assert!(config.contains(setting), "{config}");
    fs::write(&path, config.replace(setting, "")).unwrap();
    let said = walk.tmkms(&check);
    assert!(said.text.contains(warned), "{}", said.text);
    assert!(said.text.contains(setting.trim_end()), "{}", said.text);
}

/// The node of the new home, in place of the usual port.
fn with_a_node(walk: &Walk) -> Listener {
    let path = walk.path("a new home/tmkms.toml");
    let node = Listener::unix(&walk.path("node.sock")).unwrap();
    let config = fs::read_to_string(&path).unwrap();
    let address = format!("{}", node.address().unwrap());
    let config = config.replace("tcp://127.0.0.1:26659", &address);
    // The state of a test may lie in memory.
    let config = config.replace("[[chain]]\n", "[[chain]]\nallow_ephemeral_state = true\n");
    fs::write(&path, config).unwrap();
    node
}

#[test]
fn a_new_home_for_a_new_validator() {
    let walk = Walk::of("a_new_home_for_a_new_validator");
    let said = walk.tmkms(&["init", "-n", "cosmoshub", "a new home"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let node = with_a_node(&walk);
    walk.follow(
        &said,
        "bring the validator's key to",
        "tmkms softsign keygen",
    );
    let words = "tmkms state init cosmoshub-4 --never-signed";
    walk.follow(&said, "for a key that never signed", words);
    let start = walk.printed(&said.text, "priv_validator_laddr, then", "tmkms start");
    let service = walk.paste_running(&start);
    let mut node = node.accept(PATIENCE).unwrap();
    let key = node.ask(&Ask::PublicKey("cosmoshub-4".to_owned()));
    assert!(key.is_ok(), "{}", service.log());
}

#[test]
fn a_new_home_for_an_old_validator() {
    let walk = Walk::of("a_new_home_for_an_old_validator");
    let said = walk.tmkms(&["init", "-n", "cosmoshub", "a new home"]);
    let _node = with_a_node(&walk);
    let key = walk.path("a new home/secrets/cosmoshub-4-consensus.key");
    fs::rename(walk.path("consensus.key"), key).unwrap();
    fs::write(
        walk.elsewhere("old.json"),
        "{\"height\":\"41\",\"round\":0,\"step\":3}",
    )
    .unwrap();
    let words = "tmkms state import cosmoshub-4 FILE";
    let import = walk.printed(&said.text, "with the old signer's state", words);
    walk.paste_and_agree(&import, &[("FILE", "old.json")]);
    let said = walk.tmkms(&["check", "-c", "a new home/tmkms.toml"]);
    assert_eq!(said.code, 0, "{}", said.text);
}

/// The key lies in the folder that commands are run from; the printed command names it wherever it is run.
#[test]
fn a_key_without_its_state() {
    let walk = Walk::of("a_key_without_its_state");
    at_a_node(&walk);
    let key = walk.elsewhere("priv_validator_key.json");
    let import = ["softsign", "import", key.to_str().unwrap(), "consensus.key"];
    let said = walk.tmkms(&import);
    assert_eq!(said.code, 2, "{}", said.text);
    let words = "tmkms softsign import --state";
    let printed = walk.printed(&said.text, "bring its state along with", words);
    walk.paste_and_agree(&printed, &[("STATE", "priv_validator_state.json")]);
    walk.is_ready();
    walk.signs(42);
}

/// What lies beside the key says that it has signed.
#[test]
fn a_key_that_is_said_to_be_new_and_is_not() {
    let walk = Walk::of("a_key_that_is_said_to_be_new_and_is_not");
    at_a_node(&walk);
    for (folder, file) in [
        ("config", "priv_validator_key.json"),
        ("data", "priv_validator_state.json"),
    ] {
        fs::create_dir(walk.elsewhere(folder)).unwrap();
        fs::rename(walk.elsewhere(file), walk.elsewhere(folder).join(file)).unwrap();
    }
    let key = walk.elsewhere("config/priv_validator_key.json");
    let import = [
        "softsign",
        "import",
        "--never-signed",
        key.to_str().unwrap(),
        "consensus.key",
    ];
    let said = walk.tmkms(&import);
    assert_eq!(said.code, 1, "{}", said.text);
    let printed = walk.printed(&said.text, "", "tmkms softsign import --state");
    walk.paste_and_agree(&printed, &[]);
    walk.is_ready();
    walk.signs(42);
}

#[test]
fn a_key_of_two_chains() {
    let walk = Walk::of("a_key_of_two_chains");
    at_a_node(&walk);
    walk.edit(
        "chain_ids = [\"test-1\"]",
        "chain_ids = [\"test-1\", \"test-2\"]",
    );
    walk.home.configure(&format!(
        "{}{}",
        walk.home.config(),
        Chain::with_state("test-2", "two.json").node(ABSENT)
    ));
    let key = walk.elsewhere("priv_validator_key.json");
    let state = walk.elsewhere("priv_validator_state.json");
    fs::copy(&state, walk.elsewhere("two.json")).unwrap();
    let mut import = vec!["softsign", "import", "--state", state.to_str().unwrap()];
    import.extend([key.to_str().unwrap(), "consensus.key"]);
    let said = walk.tmkms(&import);
    assert_eq!(said.code, 2, "{}", said.text);
    // One with its key, and then the other.
    import.extend(["--chain", "test-1", "--yes"]);
    let done = walk.tmkms(&import);
    assert_eq!(done.code, 0, "{}", done.text);
    let words = "tmkms state import CHAIN FILE";
    let printed = walk.printed(&said.text, "import the others' with", words);
    walk.paste_and_agree(&printed, &[("CHAIN", "test-2"), ("FILE", "two.json")]);
    let said = walk.tmkms(&["check"]);
    assert!(said.text.contains("Ready 2 of 2 chains"), "{}", said.text);
}

#[test]
fn a_key_that_stays_in_json() {
    let walk = Walk::of("a_key_that_stays_in_json");
    at_a_node(&walk);
    walk.edit(
        "path = \"consensus.key\"",
        "path = \"key.json\"\nkey_format = \"json\"",
    );
    let key = walk.elsewhere("priv_validator_key.json");
    let key = key.to_str().unwrap();
    let said = walk.tmkms(&["softsign", "import", "--never-signed", key, "key.json"]);
    assert_eq!(said.code, 2, "{}", said.text);
    super::walk::private(&walk.path("key.json"), &fs::read(key).unwrap());
    let words = "tmkms state import test-1 FILE";
    let printed = walk.printed(&said.text, "or copy the file yourself", words);
    walk.paste_and_agree(&printed, &[("FILE", "priv_validator_state.json")]);
    walk.is_ready();
    walk.signs(42);
}

#[test]
fn a_bench_of_a_signer_that_refuses() {
    let walk = Walk::of("a_bench_of_a_signer_that_refuses");
    // No state, so everything is refused.
    walk.edit("test-1", "harness-1");
    let config = walk.home.config();
    let (before, rest) = config.split_once("addr = \"").unwrap();
    let (_, rest) = rest.split_once('"').unwrap();
    let address = format!("unix://{}", walk.path("node.sock").display());
    walk.home
        .configure(&format!("{before}addr = \"{address}\"{rest}"));
    let _service = walk.home.start();
    let bench = [
        "harness",
        "bench",
        "--listen",
        &address,
        "--chain-id",
        "harness-1",
        "-n",
        "5",
    ];
    let said = walk.tmkms(&bench);
    assert_eq!(said.code, 41, "{}", said.text);
    let words = "tmkms harness run --listen --chain-id";
    let run = walk.printed(&said.text, "tells more", words);
    let done = walk.paste(&run);
    assert!(
        done.code >= 10 && done.text.contains("FAIL"),
        "{} {}",
        done.code,
        done.text
    );
}
