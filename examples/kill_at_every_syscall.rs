//! SIGKILL at every system call of a vote (W2): one vote is traced with `strace` to learn its system calls; then for
//! each of them the service is killed there in a vote of its own. After each kill the restarted service must not sign
//! anything else where the node has a signature, and must sign above.
//!
//! `cargo run --release --example kill_at_every_syscall`; needs `strace` and the release build of the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a test in all but name"
)]

#[path = "etcd-checker/strace.rs"]
mod strace;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tmkms::backends::softsign::key::SoftKey;
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::KeyType;
use tmkms::harness::messages::Maker;
use tmkms::harness::{Listener, Node};

use strace::{Killed, attach};

const PATIENCE: Duration = Duration::from_secs(10);

fn program() -> std::path::PathBuf {
    let here = std::env::current_exe().unwrap();
    here.parent().unwrap().parent().unwrap().join("tmkms")
}

fn start(home: &Path) -> Killed {
    let child = Command::new(program())
        .arg("start")
        .current_dir(home)
        .stderr(Stdio::null())
        .spawn();
    Killed(child.expect("the program, built beside this one"))
}

fn main() {
    let folder = std::env::temp_dir().join(format!("tmkms-kill-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let maker = Maker::new("kill-1".parse().unwrap());
    let listener = Listener::unix(&folder.join("privval.sock")).unwrap();
    let (key, text) = SoftKey::generate(KeyType::Ed25519).unwrap();
    let key = key.public_key();
    tmkms::secret_file::create(&folder.join("consensus.key"), &text).unwrap();
    let config = format!(
        "[[chain]]\nid = \"kill-1\"\nstate_file = \"state.json\"\nallow_ephemeral_state = true\n\
         [[validator]]\nchain_id = \"kill-1\"\naddr = \"{}\"\n\
         [[providers.softsign]]\nchain_ids = [\"kill-1\"]\npath = \"consensus.key\"\n",
        listener.address().unwrap()
    );
    fs::write(folder.join("tmkms.toml"), config).unwrap();
    let init = Command::new(program())
        .args(["state", "init", "kill-1", "--never-signed"])
        .current_dir(&folder)
        .status();
    assert!(init.unwrap().success());

    let sign = |node: &mut Node, height: i64, tag: u8| -> Option<bool> {
        let request = maker.prevote(height, 0, Some(tag), 1);
        let bytes = request.sign_bytes();
        match node.ask(&Ask::Sign(request)) {
            Ok(Answer::Signed { signature, .. }) => {
                assert!(key.verify(bytes.as_slice(), &signature));
                Some(true)
            }
            Ok(Answer::Error(_)) => Some(false),
            Ok(other) => panic!("{other:?}"),
            Err(_) => None,
        }
    };
    let log = folder.join("strace.log");
    let calls = {
        let service = start(&folder);
        let mut node = listener.accept(PATIENCE).unwrap();
        assert_eq!(sign(&mut node, 1, 1), Some(true));
        let tracer = attach(service.0.id(), &log, "trace=all");
        assert_eq!(sign(&mut node, 2, 1), Some(true));
        thread::sleep(Duration::from_millis(50));
        drop((node, service, tracer));
        calls_of(&fs::read_to_string(&log).unwrap())
    };
    println!("the system calls of a vote: {calls:?}");
    assert!(
        calls.iter().any(|(name, _)| name == "pwrite64")
            && calls.iter().any(|(name, _)| name == "fdatasync")
    );
    let (mut height, mut kills, mut answered) = (2, 0, 0);
    for (name, nth) in &calls {
        let call = format!("{name} no. {nth}");
        let service = start(&folder);
        let mut node = listener.accept(PATIENCE).unwrap();
        height += 1;
        assert_eq!(sign(&mut node, height, 1), Some(true));
        height += 1;
        let tracer = attach(
            service.0.id(),
            &log,
            &format!("inject={name}:signal=KILL:when={nth}"),
        );
        let got = sign(&mut node, height, 1);
        match got {
            None => kills += 1,
            Some(true) => answered += 1,
            Some(false) => panic!("{call}: the vote was refused"),
        }
        drop((node, service, tracer));
        let service = start(&folder);
        let mut node = listener.accept(PATIENCE).unwrap();
        let other = sign(&mut node, height, 2).unwrap();
        let same = sign(&mut node, height, 1).unwrap();
        // At most one of the two blocks, and not the second where the node has a signature of the first.
        assert!(
            !other || (!same && got.is_none()),
            "{call}: two signatures at {height}"
        );
        assert_eq!(
            sign(&mut node, height - 1, 2),
            Some(false),
            "{call}: below the watermark"
        );
        height += 1;
        assert_eq!(sign(&mut node, height, 1), Some(true), "{call}: it goes on");
        drop((node, service));
    }
    fs::remove_dir_all(&folder).unwrap();
    assert!(kills >= 4, "only {kills} kills: strace could not attach");
    println!(
        "killed at {} system calls, {answered} of them after the reply; no second signature",
        calls.len()
    );
}

/// Names of the calls after the request, each with its number among those of the same name.
fn calls_of(log: &str) -> Vec<(String, usize)> {
    let mut calls: Vec<(String, usize)> = Vec::new();
    for (_, name) in strace::calls(log) {
        let before = calls.iter().filter(|(known, _)| known == name).count();
        calls.push((name.to_owned(), before + 1));
    }
    calls
}
