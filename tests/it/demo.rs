//! A demo that is interrupted leaves no signer, no key and no folder.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A demo whose signer signs.
fn begin(folder: &Path) -> Child {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .arg("demo")
        .env("TMPDIR", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.as_mut().unwrap()).lines();
    let signs = lines.any(|line| line.unwrap().starts_with("2. The signer runs"));
    assert!(signs);
    drop(lines);
    demo
}

fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(all(&path));
        }
        found.push(path);
    }
    found
}

/// Processes that stand in a folder, or stood in it before it was removed.
fn processes_in(folder: &Path) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let stands =
        |path: PathBuf| fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    entries.filter(|entry| stands(entry.path())).count()
}

fn signal(demo: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn soon(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_signal_takes_everything_away() {
    for which in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let folder = tempfile::tempdir().unwrap();
        let mut demo = begin(folder.path());
        assert_eq!(processes_in(folder.path()), 1, "the signer");
        let keys = all(folder.path());
        let is_key = |path: &&PathBuf| path.extension().is_some_and(|end| end == "key");
        assert_eq!(keys.iter().filter(is_key).count(), 0, "{keys:?}");
        signal(&demo, which);
        let status = demo.wait().unwrap();
        assert_eq!(status.signal(), Some(which.as_raw()), "{status}");
        assert_eq!(all(folder.path()), Vec::<PathBuf>::new(), "{which:?}");
        soon("no signer", || processes_in(folder.path()) == 0);
    }
}

#[test]
fn a_demo_that_is_killed_leaves_no_signer_and_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = begin(folder.path());
    signal(&demo, Signal::KILL);
    demo.wait().unwrap();
    soon("the signer ends", || processes_in(folder.path()) == 0);
    for path in all(folder.path()).iter().filter(|path| path.is_file()) {
        let bytes = fs::read(path).unwrap();
        // 32 bytes in base64 on a line.
        let is_secret = |line: &[u8]| line.len() == 44 && line.ends_with(b"=");
        let secret = bytes.split(|byte| *byte == b'\n').any(is_secret);
        assert!(!secret, "{}", path.display());
    }
}

/// As a terminal that is closed, and a pipe whose reader goes.
#[test]
fn a_demo_whose_reader_goes_ends_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = begin(folder.path());
    drop(demo.stdout.take());
    demo.wait().unwrap();
    soon("no signer", || processes_in(folder.path()) == 0);
    assert_eq!(all(folder.path()), Vec::<PathBuf>::new());
}
