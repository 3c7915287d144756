//! Keys in files, and identities of links.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use tmkms::backends::softsign::key::SoftKey;
use tmkms::consensus::KeyType;

use super::walk::{Said, Walk, private};

const ME: u32 = 64_100;
const OTHER: u32 = 64_101;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_that_others_may_read() {
    let walk = Walk::of("a_key_that_others_may_read");
    walk.home.init();
    set_mode(&walk.path("consensus.key"), 0o644);
    let said = walk.tmkms(&["check"]);
    walk.follow(&said, "others may read the secret in", "chmod 600");
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn a_key_that_the_group_may_read() {
    let walk = Walk::of("a_key_that_the_group_may_read");
    walk.home.init();
    set_mode(&walk.path("consensus.key"), 0o640);
    let said = walk.tmkms(&["check"]);
    assert_eq!(said.code, 0, "{}", said.text);
    walk.follow(&said, "the group may read the secret in", "chmod 600");
    assert!(!walk.tmkms(&["check"]).text.contains("the group may read"));
}

#[test]
fn a_key_of_another_user() {
    let walk = Walk::of("a_key_of_another_user");
    walk.home.init();
    let key = walk.path("consensus.key");
    if chown(&key, Some(OTHER), None).is_err() {
        // Nobody but root can give a file away, so nobody else has this trouble to walk out of.
        return walk.give_up();
    }
    // Root is told who to be: what it gave itself the service's user could not read any more.
    let said = walk.tmkms(&["check"]);
    let told = "who can read and replace it; run tmkms as that user, with sudo -u 64101, unless";
    assert!(said.text.contains(told), "{}", said.text);
    assert!(!said.text.contains("chown"), "{}", said.text);
    // Another user who may read it is told what root can do.
    let _ = walk.tmkms_as(ME, &["check"]);
    let check = || {
        let mut command = Command::new(walk.path("tmkms"));
        command.arg("check").current_dir(walk.path(""));
        let output = command.uid(ME).gid(ME).output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            text: String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
        }
    };
    chown(walk.path("state.json"), Some(ME), None).unwrap();
    chown(&key, Some(OTHER), Some(ME)).unwrap();
    set_mode(&key, 0o640);
    let told = check();
    walk.follow(&told, "who can read and replace it", "chown");
    assert_eq!(fs::metadata(&key).unwrap().uid(), ME);
    assert!(!check().text.contains("replace it"));
}

#[test]
fn an_empty_consensus_key() {
    let walk = Walk::of("an_empty_consensus_key");
    walk.home.init();
    let key = walk.path("consensus.key");
    fs::copy(&key, walk.elsewhere("backup")).unwrap();
    private(&key, b"");
    let said = walk.tmkms(&["check"]);
    walk.follow(&said, "is empty", "rm");
    walk.follow_filled(
        &said,
        "is empty",
        "install -m 600 BACKUP",
        &[("BACKUP", "backup")],
    );
    walk.is_ready();
}

#[test]
fn a_missing_consensus_key_with_a_backup() {
    let walk = Walk::of("a_missing_consensus_key_with_a_backup");
    walk.home.init();
    fs::rename(walk.path("consensus.key"), walk.elsewhere("backup")).unwrap();
    set_mode(&walk.elsewhere("backup"), 0o644);
    let said = walk.tmkms(&["check"]);
    walk.follow_filled(
        &said,
        "does not exist",
        "install -m 600 BACKUP",
        &[("BACKUP", "backup")],
    );
    walk.is_ready();
    walk.signs(1);
}

fn json(key: &SoftKey, seed: &[u8]) -> String {
    let public = tmkms::consensus::key_text::to_base64(&key.public_key());
    let secret = [seed, key.public_key().as_bytes()].concat();
    let secret = String::from_utf8(subtle_encoding::base64::encode(secret)).unwrap();
    format!(
        "{{\"address\":\"{}\",\"pub_key\":{{\"type\":\"tendermint/PubKeyEd25519\",\"value\":\"{public}\"}},\
         \"priv_key\":{{\"type\":\"tendermint/PrivKeyEd25519\",\"value\":\"{secret}\"}}}}",
        key.public_key().address()
    )
}

/// The key of the home, as a node has it, in the folder that commands are run from.
pub fn at_a_node(walk: &Walk) {
    let text = fs::read(walk.path("consensus.key")).unwrap();
    let key = SoftKey::from_base64(&text, KeyType::Ed25519).unwrap();
    let seed = subtle_encoding::base64::decode(text.trim_ascii()).unwrap();
    private(
        &walk.elsewhere("priv_validator_key.json"),
        json(&key, &seed).as_bytes(),
    );
    fs::remove_file(walk.path("consensus.key")).unwrap();
    let state = "{\"height\":\"41\",\"round\":0,\"step\":3}";
    fs::write(walk.elsewhere("priv_validator_state.json"), state).unwrap();
}

#[test]
fn a_missing_consensus_key_in_json() {
    let walk = Walk::of("a_missing_consensus_key_in_json");
    walk.home.init();
    at_a_node(&walk);
    walk.edit(
        "path = \"consensus.key\"",
        "path = \"key.json\"\nkey_format = \"json\"",
    );
    let said = walk.tmkms(&["check"]);
    let fill = [("KEY", "priv_validator_key.json")];
    walk.follow_filled(&said, "does not exist", "install -m 600 KEY", &fill);
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn a_missing_consensus_key_at_another_signer() {
    let walk = Walk::of("a_missing_consensus_key_at_another_signer");
    at_a_node(&walk);
    let said = walk.tmkms(&["check"]);
    let words = "tmkms softsign import --state STATE KEY";
    let printed = walk.printed(&said.text, "does not exist", words);
    let fill = [
        ("KEY", "priv_validator_key.json"),
        ("STATE", "priv_validator_state.json"),
    ];
    walk.paste_and_agree(&printed, &fill);
    walk.is_ready();
    walk.signs(42);
}

#[test]
fn a_missing_consensus_key_of_a_new_validator() {
    let mut walk = Walk::of("a_missing_consensus_key_of_a_new_validator");
    fs::remove_file(walk.path("consensus.key")).unwrap();
    let said = walk.tmkms(&["check"]);
    walk.follow(&said, "does not exist", "tmkms softsign keygen");
    walk.home.key = key_now(&walk, KeyType::Ed25519);
    let said = walk.tmkms(&["check"]);
    assert!(
        said.text.contains("there is no state file"),
        "{}",
        said.text
    );
    walk.home.init();
    walk.is_ready();
    walk.signs(1);
}

fn key_now(walk: &Walk, kind: KeyType) -> tmkms::consensus::PublicKey {
    let text = fs::read(walk.path("consensus.key")).unwrap();
    SoftKey::from_base64(&text, kind).unwrap().public_key()
}

#[test]
fn a_missing_account_key_of_a_new_validator() {
    let mut walk = Walk::of("a_missing_account_key_of_a_new_validator");
    fs::remove_file(walk.path("consensus.key")).unwrap();
    walk.edit(
        "path = \"consensus.key\"",
        "path = \"consensus.key\"\nkey_type = \"account\"",
    );
    let said = walk.tmkms(&["check"]);
    walk.follow(&said, "does not exist", "tmkms softsign keygen -t account");
    walk.home.key = key_now(&walk, KeyType::Secp256k1);
    walk.home.init();
    walk.is_ready();
    walk.signs(1);
}

/// `path` is named again, as the message says.
#[test]
fn a_key_in_hexadecimal_digits() {
    let walk = Walk::of("a_key_in_hexadecimal_digits");
    walk.home.init();
    let key = walk.path("consensus.key");
    let seed = subtle_encoding::base64::decode(fs::read(&key).unwrap().trim_ascii()).unwrap();
    private(&key, &subtle_encoding::hex::encode(seed));
    let said = walk.tmkms(&["check"]);
    let message = "it holds 64 hexadecimal digits";
    walk.follow(&said, message, "(umask 077;");
    let mode = fs::metadata(walk.path("consensus.key.base64"))
        .unwrap()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    walk.edit(
        "path = \"consensus.key\"",
        "path = \"consensus.key.base64\"",
    );
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn a_missing_identity_key() {
    let walk = Walk::of("a_missing_identity_key");
    walk.home.init();
    fs::remove_file(walk.path("identity.key")).unwrap();
    let said = walk.tmkms(&["check"]);
    walk.follow(&said, "the identity key", "tmkms softsign keygen");
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn an_empty_identity_key() {
    let walk = Walk::of("an_empty_identity_key");
    walk.home.init();
    private(&walk.path("identity.key"), b"");
    let said = walk.tmkms(&["check"]);
    walk.follow(&said, "the identity key", "rm");
    walk.follow(&said, "the identity key", "tmkms softsign keygen");
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn an_identity_key_that_is_none() {
    for text in [&b"no base64"[..], &[b'0'; 64], b"AAAA"] {
        let walk = Walk::of("an_identity_key_that_is_none");
        walk.home.init();
        private(&walk.path("identity.key"), text);
        let said = walk.tmkms(&["check"]);
        walk.follow(&said, "the identity key", "mv -n");
        walk.follow(&said, "the identity key", "tmkms softsign keygen");
        assert_eq!(fs::read(walk.path("identity.key.old")).unwrap(), text);
        walk.is_ready();
        walk.signs(1);
    }
}

/// The file that was named stays what it is.
#[test]
fn an_identity_key_that_is_another_file() {
    for name in [
        "node_key.json",
        "priv_validator_key.json",
        "state-cometbft.json",
    ] {
        let walk = Walk::of("an_identity_key_that_is_another_file");
        walk.home.init();
        let bytes = fs::read(Path::new("tests/key_files").join(name)).unwrap();
        private(&walk.path("identity.key"), &bytes);
        let said = walk.tmkms(&["check"]);
        let printed = walk.printed(
            &said.text,
            "leave that file where it is",
            "tmkms softsign keygen FILE",
        );
        let done = walk.paste_filled(&printed, &[("FILE", "new key")], "");
        assert_eq!(done.code, 0, "{}", done.text);
        assert_eq!(fs::read(walk.path("identity.key")).unwrap(), bytes);
        let new = walk.elsewhere("new key").display().to_string();
        walk.edit("\"identity.key\"", &format!("{new:?}"));
        walk.is_ready();
        walk.signs(1);
    }
}

#[test]
fn an_identity_key_in_the_environment_that_is_none() {
    let walk = Walk::of("an_identity_key_in_the_environment_that_is_none");
    walk.home.init();
    walk.edit("\"identity.key\"", "\"env:WALK_IDENTITY\"");
    let check = |value: &str| {
        let mut command = walk.home.command(&["check"]);
        let output = command.env("WALK_IDENTITY", value).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let printed = walk.printed(
        &check("AAAA"),
        "put another one there",
        "tmkms softsign keygen FILE",
    );
    let done = walk.paste_filled(&printed, &[("FILE", "new key")], "");
    assert_eq!(done.code, 0, "{}", done.text);
    let made = fs::read_to_string(walk.elsewhere("new key")).unwrap();
    let text = check(made.trim());
    assert!(text.contains("Ready 1 of 1 chain"), "{text}");
}

#[test]
fn a_key_in_a_folder_that_is_not_there() {
    let walk = Walk::of("a_key_in_a_folder_that_is_not_there");
    let keygen = ["softsign", "keygen", "a new/folder/key"];
    let said = walk.tmkms(&keygen);
    assert_eq!(said.code, 1, "{}", said.text);
    walk.follow(&said, "make its folder first", "mkdir -p -m 700");
    assert_eq!(walk.tmkms(&keygen).code, 0);
}

/// The key of the home, encrypted, with its passphrase where `passphrase_file` does not say.
fn encrypted(walk: &Walk) {
    private(&walk.elsewhere("passphrase"), b"correct horse battery\n");
    let passphrase = walk.elsewhere("passphrase");
    let words = [
        "softsign",
        "encrypt",
        "--passphrase-file",
        passphrase.to_str().unwrap(),
        "consensus.key",
        "consensus.pem",
    ];
    assert_eq!(walk.tmkms(&words).code, 0);
    let plain = "path = \"consensus.key\"";
    walk.edit(
        plain,
        "path = \"consensus.pem\"\npassphrase_file = \"not there\"",
    );
}

#[test]
fn a_passphrase_that_is_not_there() {
    let walk = Walk::of("a_passphrase_that_is_not_there");
    walk.home.init();
    encrypted(&walk);
    let said = walk.tmkms(&["check"]);
    walk.follow_filled(
        &said,
        "put it there with",
        "install -m 600 PASSPHRASE",
        &[("PASSPHRASE", "passphrase")],
    );
    walk.is_ready();
    walk.signs(1);
}

#[test]
fn a_missing_encrypted_key_of_a_new_validator() {
    let walk = Walk::of("a_missing_encrypted_key_of_a_new_validator");
    encrypted(&walk);
    fs::remove_file(walk.path("consensus.pem")).unwrap();
    fs::copy(walk.elsewhere("passphrase"), walk.path("not there")).unwrap();
    let said = walk.tmkms(&["check"]);
    walk.follow(
        &said,
        "only for a validator that has never signed",
        "tmkms softsign keygen --encrypt",
    );
    let said = walk.tmkms(&["check"]);
    assert!(said.text.contains("tmkms state init"), "{}", said.text);
}

#[test]
fn a_key_is_split_and_put_together_again() {
    let walk = Walk::of("a_key_is_split_and_put_together_again");
    walk.home.init();
    let split = [
        "cosign",
        "split",
        "-t",
        "2",
        "-n",
        "3",
        "consensus.key",
        "shares",
    ];
    let said = walk.tmkms(&split);
    assert_eq!(said.code, 0, "{}", said.text);
    walk.follow(&said, "still holds the whole key", "shred -u");
    assert!(!walk.path("consensus.key").exists());
    let shares = ["shares/member-3/share.json", "shares/member-1/share.json"];
    let said = walk.tmkms(&["cosign", "recover", shares[0], shares[1], "consensus.key"]);
    assert_eq!(said.code, 0, "{}", said.text);
    // The members' states say how high the highest of them is.
    fs::remove_file(walk.path("state.json")).unwrap();
    let config = walk.path("tmkms.toml");
    let fill = [
        ("CHAIN", "test-1"),
        ("HIGHEST", "7"),
        ("PATH", config.to_str().unwrap()),
    ];
    let words = "tmkms state init CHAIN --height HIGHEST";
    walk.follow_filled(&said, "the highest watermark of all members", words, &fill);
    walk.is_ready();
    walk.signs(8);
}
