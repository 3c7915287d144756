//! SIGKILL at every system call of `state move out` and `state move in` (W21): a chain goes to and fro between two homes. Each
//! command is traced with `strace` to learn its system calls; then for each of them it is killed there. After each kill there
//! must be no bundle of a chain that is armed, the command, repeated, must come to the same end, and a bundle that was taken in
//! must be refused.
//!
//! `cargo run --release --example kill_at_every_syscall_of_a_move`; needs `strace` and the release build of the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a test in all but name"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tmkms::backends::softsign::key::SoftKey;
use tmkms::consensus::KeyType;
use tmkms::migrate::moving::bundle::Bundle;

/// A call, by its name and its number among those of that name.
type Call = (String, usize);

fn program() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.parent().unwrap().parent().unwrap().join("tmkms")
}

/// What a command said, and whether it ended well; a kill is no good end.
struct Ran {
    done: bool,
    text: String,
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        done: output.status.success(),
        text: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    }
}

fn tmkms(home: &Path, words: &[&str]) -> Ran {
    ran(Command::new(program()).args(words).current_dir(home))
}

/// The same under strace with one `-e`.
fn traced(home: &Path, words: &[&str], log: &Path, expression: &str) -> Ran {
    let mut command = Command::new("strace");
    command.args(["-f", "-e", expression, "-o"]).arg(log);
    ran(command.arg(program()).args(words).current_dir(home))
}

/// The calls of a command from the first on that names `mark`.
fn calls(log: &Path, mark: &str) -> Vec<Call> {
    let text = fs::read_to_string(log).unwrap();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let (mut found, mut begun) = (Vec::new(), false);
    for line in text.lines() {
        let Some((_, call)) = line.trim_start().split_once(' ') else {
            continue;
        };
        let Some((name, _)) = call.trim_start().split_once('(') else {
            continue;
        };
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        let nth = times.entry(name.to_owned()).or_default();
        *nth += 1;
        begun |= line.contains(mark);
        if begun {
            found.push((name.to_owned(), *nth));
        }
    }
    found
}

fn is_armed(home: &Path) -> bool {
    let ran = tmkms(home, &["check"]);
    assert!(
        ran.done
            || ran.text.contains("was handed over")
            || ran.text.contains("there is no state file"),
        "{}",
        ran.text
    );
    ran.done
}

/// Every file of a folder that is a bundle, whatever it is called.
fn bundles(folder: &Path) -> Vec<Bundle> {
    let files = fs::read_dir(folder).unwrap().flatten();
    files
        .filter_map(|file| Bundle::parse(&fs::read(file.path()).unwrap()).ok())
        .collect()
}

fn main() {
    let folder = std::env::temp_dir().join(format!("tmkms-kill-move-{}", std::process::id()));
    let homes = ["a", "b"].map(|name| folder.join(name));
    let (_, key) = SoftKey::generate(KeyType::Ed25519).unwrap();
    for home in &homes {
        fs::create_dir_all(home).unwrap();
        tmkms::secret_file::create(&home.join("consensus.key"), &key).unwrap();
        let config = "[[chain]]\nid = \"kill-1\"\nstate_file = \"state.json\"\nallow_ephemeral_state = true\n\
                      [[validator]]\nchain_id = \"kill-1\"\naddr = \"unix:///run/none.sock\"\n\
                      [[providers.softsign]]\nchain_ids = [\"kill-1\"]\npath = \"consensus.key\"\n";
        fs::write(home.join("tmkms.toml"), config).unwrap();
    }
    let init = tmkms(&homes[0], &["state", "init", "kill-1", "--height", "7"]);
    assert!(init.done, "{}", init.text);
    let (log, travel) = (folder.join("strace.log"), folder.join("travel"));
    let (mut from, mut to) = (&homes[0], &homes[1]);
    let (mut out_calls, mut in_calls): (Vec<Call>, Vec<Call>) = (Vec::new(), Vec::new());
    let (mut killed_out, mut killed_in, mut sealed_early, mut armed_early) = (0, 0, 0, 0);
    let mut round = 0;
    loop {
        // The first two rounds learn; the second, because there both homes have a state.
        let learn = round < 2;
        let (out_call, in_call) = match learn {
            true => (None, None),
            false => (out_calls.get(round - 2), in_calls.get(round - 2)),
        };
        if !learn && out_call.is_none() && in_call.is_none() {
            break;
        }
        let _ = fs::remove_dir_all(&travel);
        fs::create_dir(&travel).unwrap();
        let (bundle, again) = (travel.join("bundle"), travel.join("again"));
        let words = |file: &Path| {
            ["state", "move", "out", "kill-1", file.to_str().unwrap()].map(str::to_owned)
        };
        let run = |home: &Path, words: &[String], call: Option<&Call>| {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match call {
                None => traced(home, &words, &log, "trace=all"),
                Some((name, nth)) => traced(
                    home,
                    &words,
                    &log,
                    &format!("inject={name}:signal=KILL:when={nth}"),
                ),
            }
        };
        let what = format!("round {round}, {out_call:?} and {in_call:?}");

        // Out.
        let ran = run(from, &words(&bundle), out_call);
        if learn {
            out_calls = calls(&log, travel.to_str().unwrap());
        }
        killed_out += usize::from(!ran.done);
        let armed = is_armed(from);
        sealed_early += usize::from(!ran.done && !armed);
        let there = bundles(&travel);
        assert!(
            there.is_empty() || !armed,
            "{what}: a bundle beside a chain that is armed"
        );
        assert!(
            !ran.done || !armed,
            "{what}: handed over and armed: {}",
            ran.text
        );
        let repeated = run(from, &words(&again), None);
        assert!(repeated.done, "{what}: {}", repeated.text);
        let whole = Bundle::parse(&fs::read(&again).unwrap()).unwrap();
        assert!(
            there.iter().all(|found| *found == whole),
            "{what}: another bundle"
        );
        assert_eq!(whole.watermark.height(), 7, "{what}: lost");
        assert!(!is_armed(from), "{what}");

        // In.
        let words = ["state", "move", "in", again.to_str().unwrap(), "--yes"].map(str::to_owned);
        let ran = run(to, &words, in_call);
        if learn {
            in_calls = calls(&log, again.to_str().unwrap());
        }
        killed_in += usize::from(!ran.done);
        let armed = is_armed(to);
        armed_early += usize::from(!ran.done && armed);
        assert!(!ran.done || armed, "{what}: {}", ran.text);
        let repeated = run(to, &words, None);
        assert_eq!(
            repeated.done, !armed,
            "{what}: armed {armed}: {}",
            repeated.text
        );
        assert!(
            repeated.done || repeated.text.contains("was made or taken in here before"),
            "{what}: {}",
            repeated.text
        );
        assert!(is_armed(to) && !is_armed(from), "{what}");
        (from, to) = (to, from);
        round += 1;
    }
    fs::remove_dir_all(&folder).unwrap();
    assert!(
        killed_out > 20 && killed_in > 20 && sealed_early > 0 && armed_early > 0,
        "killed {killed_out} and {killed_in} times, {sealed_early} sealed, {armed_early} armed: strace could not"
    );
    println!(
        "killed {killed_out} times on the way out ({sealed_early} of them sealed) and {killed_in} times on the way in \
         ({armed_early} of them armed); never armed beside a bundle, never twice, and never lost"
    );
}
