//! Remedies that do what they say: each command that a message prints is provoked, run as it stands from another folder,
//! and ends in a chain that signs, in a question, or in the next honest step.

mod configuration;
mod homes;
mod keys;
#[cfg(feature = "ledger")]
mod ledger;
#[cfg(target_os = "linux")]
mod locks;
mod moving;
mod pause;
mod scan;
mod service;
mod state;
mod state_init;
mod table;
mod takeover;
mod walk;
#[cfg(feature = "yubihsm")]
mod yubihsm;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use scan::{Source, commands_made, sources};
use table::{BY_ITSELF, By, MAKERS, MENTIONS, SETTINGS, SYSTEM, TABLE};
use walk::commands_in;

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The sources whose messages are looked at: not those that define how commands are made.
fn messages() -> Vec<Source> {
    let mut all = sources();
    assert!(all.len() > 150);
    all.retain(|source| !MAKERS.contains(&source.name.as_str()));
    all
}

/// A command that is written by hand lacks the configuration, the quotes, or the absolute path.
#[test]
fn no_message_prints_a_command_that_is_written_by_hand() {
    const NAMES: &[&str] = &[
        "init",
        "networks",
        "start",
        "check",
        "adopt",
        "status",
        "pause",
        "resume",
        "state",
        "keys",
        "softsign",
        "cosign",
        "yubihsm",
        "ledger",
        "demo",
        "harness",
        "version",
        "completions",
        "man",
    ];
    let mut found = Vec::new();
    for source in messages() {
        for text in &source.texts {
            let names = NAMES.iter().any(|name| {
                let command = format!("tmkms {name}");
                text.match_indices(&command).any(|(at, _)| {
                    let next = text[at + command.len()..].chars().next();
                    !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
                })
            });
            let mentioned = MENTIONS
                .iter()
                .any(|(file, words, _)| *file == source.name && text.contains(words));
            if names && !mentioned {
                found.push(format!("{}: {text:?}", source.name));
            }
        }
    }
    assert!(
        found.is_empty(),
        "make these with crate::remedy:\n{}",
        found.join("\n")
    );
}

#[test]
fn every_command_of_every_message_is_walked() {
    let mut made: BTreeMap<(String, String), usize> = BTreeMap::new();
    for source in messages() {
        for command in commands_made(&source) {
            *made.entry((source.name.clone(), command)).or_default() += 1;
        }
    }
    let mut wrong = Vec::new();
    for ((file, command), times) in &made {
        let rows = TABLE
            .iter()
            .filter(|row| row.file == file && row.made == command);
        let rows = rows.count();
        if rows < *times {
            wrong.push(format!(
                "{file}: {command} is made {times} times and walked {rows} times"
            ));
        }
    }
    let tests: String = test_files();
    let all = sources();
    for row in TABLE {
        let file = row.file.to_owned();
        if !made.contains_key(&(file, row.made.to_owned())) {
            wrong.push(format!("{}: no message makes {}", row.file, row.made));
        }
        let source = all.iter().find(|source| source.name == row.file);
        let mut texts = source.into_iter().flat_map(|source| &source.texts);
        if !texts.any(|text| plain(text).contains(row.message)) {
            wrong.push(format!("{}: no message says {:?}", row.file, row.message));
        }
        match row.by {
            By::Walk(name) if !tests.contains(&format!("Walk::of(\"{name}\")")) => {
                wrong.push(format!("no test walks {name}"));
            }
            By::Test(file, name) => {
                let text = fs::read_to_string(file).unwrap_or_default();
                if !text.contains(&format!("fn {name}(")) || !text.contains(row.message) {
                    wrong.push(format!(
                        "{file} has no {name}, or nothing of {:?}",
                        row.message
                    ));
                }
            }
            By::Walk(_) | By::Nobody(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn test_files() -> String {
    let files = fs::read_dir("tests/it/remedies").unwrap();
    files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect()
}

/// Commands of the system that stand in a message as they are: nothing in them depends on this host.
#[test]
fn commands_of_the_system_are_known_and_can_be_read_by_a_shell() {
    const PROGRAMS: &[&str] = &[
        "(umask",
        "apt",
        "basenc",
        "cat",
        "chattr",
        "chmod",
        "chown",
        "cp",
        "date",
        "df",
        "dmesg",
        "docker",
        "fuser",
        "install",
        "ip",
        "journalctl",
        "kill",
        "ln",
        "ls",
        "lsof",
        "lsusb",
        "mkdir",
        "mkfifo",
        "mount",
        "mv",
        "openssl",
        "podman",
        "ps",
        "rm",
        "rsync",
        "ss",
        "stat",
        "sudo",
        "swapoff",
        "sync",
        "systemctl",
        "touch",
        "udevadm",
        "umount",
        "xxd",
    ];
    let mut wrong = Vec::new();
    for source in messages() {
        for text in &source.texts {
            for command in commands_in(text) {
                let Some(program) = command.split_whitespace().next() else {
                    continue;
                };
                let known = SYSTEM
                    .iter()
                    .any(|(file, listed, _)| *file == source.name && *listed == command);
                if PROGRAMS.contains(&program) && !known {
                    wrong.push(format!("{}: `{command}`", source.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not in the table:\n{}", wrong.join("\n"));
    for (file, command, why) in SYSTEM {
        let shell = Command::new("sh")
            .args(["-n", "-c", command])
            .output()
            .unwrap();
        assert!(shell.status.success(), "{file}: `{command}` is no shell");
        assert!(!why.is_empty());
    }
}

/// The configuration is read at the start, so a setting that is corrected counts after a restart. What arms a chain is
/// followed by a sentence that says so (`service::NOTICED`).
#[test]
fn what_tells_to_change_a_setting_tells_of_the_reload_or_restart() {
    let example = fs::read_to_string("tmkms.toml.example").unwrap();
    let settings: Vec<&str> = example
        .lines()
        .filter_map(|line| Some(line.trim_start_matches("# ").split_once(" = ")?.0))
        .filter(|key| {
            key.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
        .collect();
    assert!(
        settings.contains(&"addr") && settings.contains(&"listen"),
        "{settings:?}"
    );
    let runs_on = [
        "src/link/",
        "src/service/",
        "src/chain",
        "src/session.rs",
        "src/observe/",
        "src/gate/refusal.rs",
        "src/gate/raw.rs",
        "src/backends/replicas.rs",
        "src/backends/ledger/limits.rs",
    ];
    let mut wrong = Vec::new();
    for source in messages() {
        if !runs_on.iter().any(|room| source.name.starts_with(room)) {
            continue;
        }
        for text in &source.texts {
            let tells = ["correct", "name", "remove", "set", "write", "choose", "use"]
                .iter()
                .any(|verb| {
                    text.match_indices(&format!("{verb} ")).any(|(at, _)| {
                        let sentence = text[at..].split([';', '.']).next().unwrap();
                        commands_in(sentence)
                            .any(|word| settings.contains(&word.split(' ').next().unwrap()))
                    })
                });
            let known = SETTINGS
                .iter()
                .any(|(file, words, _)| *file == source.name && text.contains(words));
            let followed = ["restart tmkms", "reload tmkms"]
                .iter()
                .any(|words| text.contains(words));
            if tells && !followed && !known {
                wrong.push(format!("{}: {text:?}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_said_to_happen_by_itself_is_shown_by_a_test() {
    let mut wrong = Vec::new();
    for source in messages() {
        for text in &source.texts {
            let known = BY_ITSELF
                .iter()
                .any(|(file, words, ..)| *file == source.name && text.contains(words));
            if text.contains("by itself") && !known {
                wrong.push(format!("{}: {text:?}", source.name));
            }
        }
    }
    for (_, _, file, test) in BY_ITSELF {
        if !fs::read_to_string(file)
            .unwrap()
            .contains(&format!("fn {test}()"))
        {
            wrong.push(format!("{file} has no {test}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
