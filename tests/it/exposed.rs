//! What every user of the host could exchange is refused with the command that mends it; what a group or another owner
//! could is warned of.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::command::tmkms;
use crate::support::home::{Home, PATIENCE};
use crate::support::http::with_metrics;
use tmkms::harness::Listener;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A home whose key and state lie in folders of their own.
fn home() -> (Home, Listener) {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    for folder in ["keys", "state"] {
        fs::create_dir(home.path().join(folder)).unwrap();
        chmod(&home.path().join(folder), 0o700);
    }
    let key = home.path().join("consensus.key");
    fs::rename(key, home.path().join("keys/consensus.key")).unwrap();
    let config = home
        .config()
        .replace("\"consensus.key\"", "\"keys/consensus.key\"");
    home.configure(&config.replace("\"state.json\"", "\"state/state.json\""));
    chmod(&home.path().join("tmkms.toml"), 0o644);
    home.init();
    (home, listener)
}

/// Runs the `chmod` that a message names, as it stands and from another folder.
fn run_chmod(text: &str) {
    run_command(text, "chmod ");
}

fn run_command(text: &str, begin: &str) {
    let command = text.split('`').find(|part| part.starts_with(begin));
    let command = command.unwrap_or_else(|| panic!("no chmod in {text}"));
    let done = Command::new("sh")
        .args(["-c", command])
        .current_dir("/")
        .status();
    assert!(done.unwrap().success(), "{command}");
}

#[test]
fn a_configuration_that_everybody_may_change_is_not_used() {
    let (home, _listener) = home();
    for (path, open) in [
        (home.path().join("tmkms.toml"), 0o646),
        (home.path().to_owned(), 0o777),
    ] {
        let before = mode(&path);
        chmod(&path, open);
        for command in [&["start"][..], &["check"], &["state", "show"]] {
            let done = tmkms(home.path(), command);
            assert_ne!(done.code, 0, "{command:?}");
            assert!(
                done.err.contains("every user of this host can"),
                "{}",
                done.err
            );
        }
        run_chmod(&tmkms(home.path(), &["check"]).err);
        assert_eq!(mode(&path), before & !0o002 | open & !0o002);
        let done = tmkms(home.path(), &["check"]);
        assert_eq!(done.code, 0, "{}", done.err);
        chmod(&path, before);
    }
}

#[test]
fn a_key_or_state_that_everybody_may_replace_arms_nothing() {
    for folder in ["keys", "state"] {
        let (home, listener) = home();
        let path = home.path().join(folder);
        chmod(&path, 0o777);
        let done = tmkms(home.path(), &["check"]);
        assert_eq!(done.code, 1, "{}{}", done.out, done.err);
        let service = home.start();
        service.wait_for_log("can replace files and folders in");
        service.wait_for_log("not armed");
        let log = service.log();
        assert!(
            log.contains("not armed") && !log.contains("armed with"),
            "{log}"
        );
        run_chmod(&log);
        assert_eq!(mode(&path), 0o775);
        // By itself, and with a word about the group.
        service.wait_for_log("armed with");
        drop(listener);
    }
}

#[test]
fn nothing_secret_is_made_where_everybody_may_replace_it() {
    let folder = tempfile::tempdir().unwrap();
    chmod(folder.path(), 0o777);
    for command in [
        &["softsign", "keygen", "a.key"][..],
        &["init", "-n", "cosmoshub"],
    ] {
        let done = tmkms(folder.path(), command);
        assert_ne!(done.code, 0, "{}", done.err);
        assert!(done.err.contains("chmod o-w"), "{}", done.err);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    // As a folder for everybody should be.
    chmod(folder.path(), 0o1777);
    let done = tmkms(folder.path(), &["softsign", "keygen", "b.key"]);
    assert_eq!(done.code, 0, "{}", done.err);
    chmod(folder.path(), 0o700);
}

#[test]
fn what_may_be_meant_is_warned_of() {
    let (home, listener) = home();
    with_metrics(&home, "textfile = \"shared/tmkms.prom\"");
    home.configure(&format!(
        "control_socket = \"shared/a.sock\"\n{}",
        home.config()
    ));
    fs::create_dir(home.path().join("shared")).unwrap();
    let open: [(&str, u32, &str); 4] = [
        ("tmkms.toml", 0o664, "can write to"),
        ("keys", 0o770, "the secret in"),
        ("state", 0o775, "the state of test-1 is not safe: the group"),
        (
            "shared",
            0o777,
            "the control socket is not safe: every user",
        ),
    ];
    for (name, open, _) in open {
        chmod(&home.path().join(name), open);
    }
    let done = tmkms(home.path(), &["check"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let service = home.start();
    listener.accept(PATIENCE).unwrap();
    service.wait_for_log("armed with");
    let told = format!("{}{}", done.out, done.err);
    assert_eq!(told.matches("unless that is meant").count(), 3, "{told}");
    let (_, rest) = told.split_once("the state of test-1").unwrap();
    run_command(rest, "chmod g-w");
    assert_eq!(mode(&home.path().join("state")), 0o755);
    for (name, _, words) in open {
        assert!(told.contains(words), "{name}: {told}");
        service.wait_for_log(words);
    }
}

#[cfg(feature = "yubihsm")]
#[test]
fn a_password_that_everybody_may_read_is_warned_of() {
    let (home, _listener) = home();
    let yubihsm = "[[providers.yubihsm]]\nadapter = { type = \"http\", addr = \"tcp://127.0.0.1:1\" }\n\
                   auth = { key = 1, password = \"secret\" }\nkeys = [{ chain_ids = [\"test-1\"], key = 1 }]\n";
    let config = home.config();
    let (rest, _) = config.split_once("[[providers.softsign]]").unwrap();
    home.configure(&format!("{rest}{yubihsm}"));
    for (open, readers) in [
        (0o644, Some("every user of this host")),
        (0o604, Some("every user of this host")),
        (0o640, Some("the group ")),
        (0o600, None),
    ] {
        chmod(&home.path().join("tmkms.toml"), open);
        for command in [
            &["check"][..],
            &["yubihsm", "detect"],
            &["yubihsm", "keys", "list"],
        ] {
            let said = tmkms(home.path(), command).err;
            let told = said
                .lines()
                .find(|line| line.contains("can read the password in"));
            match readers {
                Some(readers) => assert!(
                    told.unwrap().contains(&format!("Warning {readers}")),
                    "{open:o} {command:?}: {said}"
                ),
                None => assert_eq!(told, None, "{open:o} {command:?}"),
            }
        }
    }
    chmod(&home.path().join("tmkms.toml"), 0o644);
    let service = home.start();
    service.wait_for_log("can read the password in");
    run_command(&service.log(), "chmod 600");
    assert_eq!(mode(&home.path().join("tmkms.toml")), 0o600);
    assert!(!service.log().contains("\"secret\""));
}
