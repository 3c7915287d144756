//! `tmkms init` in a home that is there already.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use crate::support::command::{Done, tmkms, tmkms_with};

/// A home with Osmosis, as `init` makes it.
fn osmosis() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let done = tmkms(folder.path(), &["init", "-n", "osmosis"]);
    assert_eq!(done.code, 0, "{}", done.err);
    folder
}

fn config(home: &Path) -> String {
    fs::read_to_string(home.join("tmkms.toml")).unwrap()
}

fn edit(home: &Path, from: &str, to: &str) {
    let before = config(home);
    assert!(before.contains(from), "{before}");
    fs::write(home.join("tmkms.toml"), before.replace(from, to)).unwrap();
}

/// The port that a chain was given.
fn address_of(config: &str, chain: &str) -> String {
    let section = format!("[[validator]]\nchain_id = \"{chain}\"\n");
    let (_, rest) = config.split_once(&section).unwrap();
    rest.lines().next().unwrap().to_owned()
}

#[test]
fn a_port_that_only_a_variable_tells_is_taken_too() {
    let node = "addr = \"tcp://127.0.0.1:26659\"";
    for (written, value, port) in [
        ("env:TMKMS_TEST_NODE", Some("tcp://127.0.0.1:26659"), 26_669),
        (" ENV:TMKMS_TEST_NODE", Some("TCP://other:26659/"), 26_669),
        ("env:TMKMS_TEST_NODE", None, 26_659),
        ("env:TMKMS_TEST_NODE", Some("nonsense"), 26_659),
        (" TCP://127.0.0.1:26659/ ", None, 26_669),
        ("unix:///run/node.sock", None, 26_659),
    ] {
        let home = osmosis();
        edit(home.path(), node, &format!("addr = \"{written}\""));
        let variable = value.map(|value| ("TMKMS_TEST_NODE", value));
        let arguments = ["init", "-n", "irishub"];
        let done = tmkms_with(home.path(), variable.as_slice(), &arguments);
        assert_eq!(done.code, 0, "{written} {value:?}: {}", done.err);
        let wanted = format!("addr = \"tcp://127.0.0.1:{port}\"");
        let found = address_of(&config(home.path()), "irishub-1");
        assert_eq!(found, wanted, "{written} {value:?}");
    }
}

/// What is in the way, and what is said of it.
fn refused(content: &[u8]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tmkms.toml");
    fs::write(&path, content).unwrap();
    let done = tmkms(folder.path(), &["init", "-n", "osmosis"]);
    assert_ne!(done.code, 0);
    assert_eq!(fs::read(&path).unwrap(), content);
    let there = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(there, 1, "something was made: {}", done.err);
    done
}

#[test]
fn nothing_is_made_beside_a_file_that_is_of_no_use() {
    let correct = "correct the file that is there already";
    for content in ["x = 1\n", "[[chain]\n", "[[chain]]\nid = \"osmosis-1\"\n"] {
        let done = refused(content.as_bytes());
        assert!(done.err.contains(correct), "{content}: {}", done.err);
    }
    let done = refused(b"\xff\xfe");
    assert!(done.err.contains("cannot be read"), "{}", done.err);
    let key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
    let done = refused(key.as_bytes());
    assert!(!done.err.contains("AQIDBAUGBwgJ"), "{}", done.err);
}

#[test]
fn a_good_file_that_the_sections_do_not_fit_is_not_called_wrong() {
    // Its key file is the one that the new chain would have, and so is its state file.
    for (from, to) in [
        (
            "secrets/osmosis-1-consensus.key",
            "secrets/irishub-1-consensus.key",
        ),
        (
            "state/osmosis-1-consensus.json",
            "state/irishub-1-consensus.json",
        ),
    ] {
        let home = osmosis();
        edit(home.path(), from, to);
        let before = config(home.path());
        let done = tmkms(home.path(), &["init", "-n", "irishub"]);
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(!done.err.contains("correct the file"), "{}", done.err);
        assert!(done.err.contains("by hand:\n"), "{}", done.err);
        assert!(done.err.contains("id = \"irishub-1\""), "{}", done.err);
        assert_eq!(config(home.path()), before);
    }
}

/// A home for a node that was named is ready but for its key: the same line is told here and by `keys peer-id`.
#[test]
fn a_nodes_address_is_written_and_its_own_line_is_told() {
    let id = "12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7";
    for (addr, listens) in [
        (format!("noise://{id}@10.0.0.1:26659"), "@10.0.0.1:26659\""),
        (
            format!("noise://{id}@node.example:26659"),
            "@0.0.0.0:26659\"",
        ),
        ("tcp://[::1]:26658".to_owned(), "\"tcp://[::1]:26658\""),
        (
            "unix:///run/a b.sock".to_owned(),
            "\"unix:///run/a b.sock\"",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let init = |addr: &str| tmkms(home, &["init", "-n", "osmosis", "--addr", addr]);
        let done = init(&addr);
        assert_eq!(done.code, 0, "{}", done.err);
        let found = address_of(&config(home), "osmosis-1");
        assert_eq!(found, format!("addr = \"{addr}\""));
        let is_unix = addr.starts_with("unix");
        assert_eq!(config(home).contains("\nsecret_key"), !is_unix, "{addr}");
        let shown = tmkms(home, &["keys", "peer-id", "--json"]);
        assert_eq!(shown.code, 0, "{}", shown.err);
        let shown: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
        let line = shown[0]["config_toml"].as_str().unwrap();
        assert!(line.ends_with(listens), "{line}");
        let told = format!("write `{line}` into the node's config.toml");
        assert!(done.err.contains(&told), "{told} in {}", done.err);
        if let (true, Some(ours)) = (
            addr.starts_with("noise"),
            shown[0]["libp2p_peer_id"].as_str(),
        ) {
            assert!(line.contains(&format!("\"noise://{ours}@")), "{line}");
        }
        // Again, and with another one.
        assert!(!init(&addr).err.contains("Warning"));
        let other = init("tcp://10.0.0.2:1");
        let told = "the [[validator]] of osmosis-1 in ./tmkms.toml stays as it is; for --addr tcp://10.0.0.2:1 set its `addr` there";
        assert!(other.code == 0 && other.err.contains(told), "{}", other.err);
    }
}

#[test]
fn a_nodes_address_that_is_none_or_for_several_makes_nothing() {
    for (arguments, told) in [
        (&["-n", "osmosis,irishub"][..], "2 chains are named"),
        (&[], "no chain is named"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let addr = ["init", "--addr", "tcp://10.0.0.1:1"];
        let done = tmkms(folder.path(), &[&addr[..], arguments].concat());
        assert!(done.code == 2 && done.err.contains(told), "{}", done.err);
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    }
    for (addr, told) in [
        ("noise://10.0.0.1:26659", "the node's peer id is missing"),
        (
            "noise://f88883b673fc69d7869cab098de3bafc2ff76eb8@h:1",
            "is the node's id on tcp:// links",
        ),
        (
            "10.0.0.1:26659",
            "it has no scheme; write tcp://10.0.0.1:26659",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let done = tmkms(folder.path(), &["init", "-n", "osmosis", "--addr", addr]);
        assert!(done.code == 2 && done.err.contains(told), "{}", done.err);
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}

#[test]
fn a_prefix_is_written_or_said_to_be_not() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let with = |arguments: &[&str]| {
        let done = tmkms(home, &[&["init"], arguments].concat());
        assert_eq!(done.code, 0, "{}", done.err);
        done.err
    };
    // Named twice, with and without the prefix.
    with(&[
        "-n",
        "cosmoshub",
        "--chain-id",
        "cosmoshub-4",
        "--prefix",
        "my",
    ]);
    let written = config(home);
    assert_eq!(written.matches("[[chain]]\nid").count(), 1, "{written}");
    assert!(written.contains("\"mypub\""), "{written}");
    // There already.
    let kept = ["--chain-id", "cosmoshub-4", "--prefix"];
    let said = with(&[&kept[..], &["my"]].concat());
    assert!(!said.contains("Warning"), "{said}");
    let said = with(&[&kept[..], &["other"]].concat());
    let told = "the [[chain]] cosmoshub-4 of ./tmkms.toml stays as it is; for --prefix other set there: key_format = ";
    assert!(said.contains(told), "{said}");
    let said = with(&[&["-n", "osmosis"], &kept[..], &["other"]].concat());
    assert!(
        said.contains("Added osmosis-1") && said.contains(told),
        "{said}"
    );
    assert!(!config(home).contains("otherpub"));
}

#[test]
fn what_root_adds_in_the_home_of_another_user_stays_that_users() {
    const OTHER: u32 = 64_101;
    let folder = osmosis();
    let (home, file) = (folder.path(), folder.path().join("tmkms.toml"));
    if chown(home, Some(OTHER), Some(OTHER)).is_err() {
        eprintln!("skipped: this test needs root");
        return;
    }
    let owner = || fs::metadata(&file).unwrap().uid();
    // Root's own file would become the user's.
    let before = config(home);
    let done = tmkms(home, &["init", "-n", "irishub"]);
    assert_eq!(done.code, 1, "{}", done.err);
    let told = "and is left as it is: it belongs to user root,";
    assert!(done.err.contains(told), "{}", done.err);
    assert!(done.err.contains("add by hand what it lacks:"));
    assert_eq!((config(home), owner()), (before, 0));
    for (mode, name, id) in [
        (0o600, "irishub", "irishub-1"),
        (0o644, "celestia", "celestia"),
    ] {
        chown(&file, Some(OTHER), Some(OTHER)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let done = tmkms(home, &["init", "-n", name]);
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(config(home).contains(&format!("id = \"{id}\"")));
        let found = fs::metadata(&file).unwrap();
        assert_eq!((found.uid(), found.mode() & 0o7777), (OTHER, mode));
    }
}
