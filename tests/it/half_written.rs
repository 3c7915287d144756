//! A disk that fills up while something is written leaves the whole of it or nothing.
//!
//! The disk is a limit on the size of files: with the signal ignored a write fails as on a full disk, with the signal's
//! default the process is killed in the middle of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::command::tmkms;
use crate::support::home::Home;

/// Whether the process gets to hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    Told,
    Killed,
}

const BOTH: [Full; 2] = [Full::Told, Full::Killed];

/// Runs the program where no file may have more than so many times 512 bytes.
fn within(blocks: u32, full: Full, folder: &Path, arguments: &[&str]) -> Output {
    let trap = match full {
        Full::Told => "trap '' XFSZ;",
        Full::Killed => "",
    };
    let script = format!("{trap} ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_tmkms")])
        .args(arguments)
        .current_dir(folder)
        .env_remove("TMKMS_CONFIG_FILE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success(), "{full:?}: {output:?}");
    if full == Full::Told {
        assert!(output.status.signal().is_none(), "{output:?}");
    }
    output
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path)),
        }
    }
    found
}

#[test]
fn init_leaves_no_half_configuration() {
    for full in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["init", "-n", "cosmoshub"];
        let output = within(1, full, folder.path(), &arguments);
        assert!(!folder.path().join("tmkms.toml").exists(), "{full:?}");
        let identity = folder.path().join("secrets/kms-identity.key");
        assert_eq!(files(folder.path()), BTreeSet::from([identity]), "{full:?}");
        if full == Full::Told {
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(text.contains("tmkms.toml cannot be made"), "{text}");
            assert!(text.contains("make room"), "{text}");
        }
        // With room again the same command does the whole of it.
        let done = tmkms(folder.path(), &arguments);
        assert_eq!(done.code, 0, "{}", done.err);
        let other = tempfile::tempdir().unwrap();
        tmkms(other.path(), &arguments);
        let text = |of: &Path| fs::read_to_string(of.join("tmkms.toml")).unwrap();
        assert_eq!(text(folder.path()), text(other.path()));
    }
}

#[test]
fn a_key_is_whole_or_not_there() {
    for full in BOTH {
        let folder = tempfile::tempdir().unwrap();
        within(0, full, folder.path(), &["softsign", "keygen", "a.key"]);
        within(0, full, folder.path(), &["init"]);
        assert!(files(folder.path()).is_empty(), "{full:?}");
    }
}

#[test]
fn a_state_an_export_and_a_manual_page_are_whole_or_not_there() {
    for full in BOTH {
        let home = Home::new(&["tcp://127.0.0.1:1".parse().unwrap()]);
        let before = files(home.path());
        let never = ["state", "init", "test-1", "--never-signed"];
        within(0, full, home.path(), &never);
        assert!(!home.path().join("state.json").exists(), "{full:?}");
        if full == Full::Told {
            assert_eq!(files(home.path()), before);
        }
        home.init();
        let export = ["state", "export", "test-1", "-o", "export.json"];
        within(0, full, home.path(), &export);
        assert!(!home.path().join("export.json").exists(), "{full:?}");
        fs::create_dir(home.path().join("man")).unwrap();
        let page = home.path().join("man/tmkms.1");
        fs::write(&page, "an older one").unwrap();
        within(1, full, home.path(), &["man", "man"]);
        assert_eq!(fs::read_to_string(&page).unwrap(), "an older one");
    }
}
