//! The real binary in a home of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sha2::{Digest, Sha256};
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::PublicKey;
use tmkms::harness::Node;
use tmkms::link::Address;

use super::chain::Chain;
use super::command::tmkms;
use super::{ABSENT, maker};

pub const PATIENCE: Duration = Duration::from_secs(10);

/// A home with one key and one chain.
pub struct Home {
    pub folder: tempfile::TempDir,
    pub key: PublicKey,
}

impl Home {
    pub fn new(addresses: &[Address]) -> Self {
        Self::within(tempfile::tempdir().unwrap(), addresses)
    }

    /// The same in a folder of one's own choice.
    pub fn within(folder: tempfile::TempDir, addresses: &[Address]) -> Self {
        let (_, identity) =
            tmkms::backends::softsign::key::SoftKey::generate(Default::default()).unwrap();
        let (key, text) =
            tmkms::backends::softsign::key::SoftKey::generate(Default::default()).unwrap();
        tmkms::secret_file::create(&folder.path().join("identity.key"), &identity).unwrap();
        tmkms::secret_file::create(&folder.path().join("consensus.key"), &text).unwrap();
        let home = Self {
            folder,
            key: key.public_key(),
        };
        let chain = addresses
            .iter()
            .fold(Chain::new("test-1"), Chain::node_with_identity)
            .key("consensus.key");
        home.configure(&chain.to_string());
        home
    }

    /// Another home with a copy of this one's key, and nothing else in common: a state and a node of its own.
    pub fn with_a_copy_of_the_key(&self, addresses: &[Address]) -> Self {
        let copy = Self {
            key: self.key.clone(),
            ..Self::new(addresses)
        };
        let key = fs::read(self.path().join("consensus.key")).unwrap();
        fs::write(copy.path().join("consensus.key"), key).unwrap();
        copy
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn configure(&self, text: &str) {
        fs::write(self.path().join("tmkms.toml"), text).unwrap();
    }

    pub fn config(&self) -> String {
        fs::read_to_string(self.path().join("tmkms.toml")).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tmkms"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("TMKMS_CONFIG_FILE");
        command.env_remove("RUST_LOG").env_remove("TMKMS_LOG");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8(text).unwrap(),
        )
    }

    pub fn init(&self) {
        let (code, text) = self.run(&["state", "init", "test-1", "--never-signed"]);
        assert_eq!(code, 0, "{text}");
    }

    /// The name of the lock on chain and key, as docs/watermark.md has it.
    pub fn lock_name(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(6_u64.to_be_bytes());
        hash.update(b"test-1");
        hash.update(self.key.as_bytes());
        let hash = hash.finalize();
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("tmkms-pair-{digits}")
    }

    /// A second chain, `test-2`, with a key and a node of its own.
    pub fn add_a_chain(&self, node: &Address) {
        let (_, text) =
            tmkms::backends::softsign::key::SoftKey::generate(Default::default()).unwrap();
        tmkms::secret_file::create(&self.path().join("other.key"), &text).unwrap();
        let second = Chain::with_state("test-2", "two.json")
            .node_with_identity(node)
            .key("other.key");
        self.configure(&format!("{}{second}", self.config()));
        let (code, text) = self.run(&["state", "init", "test-2", "--never-signed"]);
        assert_eq!(code, 0, "{text}");
    }

    pub fn start(&self) -> Running {
        self.start_with(|_| {})
    }

    pub fn start_with(&self, change: impl FnOnce(&mut Command)) -> Running {
        let log = self.path().join("log");
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let mut command = self.command(&["start", "-v"]);
        command.stderr(file).stdout(Stdio::null());
        change(&mut command);
        let child = command.spawn().unwrap();
        Running { child, log }
    }
}

/// A service that is never left behind.
pub struct Running {
    pub child: Child,
    pub log: PathBuf,
}

impl Running {
    /// What it has written so far. Lines are written by a thread of their own, so that of what has just happened may still be
    /// missing: to see that something is told, wait for it.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    #[track_caller]
    pub fn wait_for_log(&self, words: &str) {
        self.wait_for_times(1, words);
    }

    /// Waits until the log has these words so many times or more, and gives it.
    #[track_caller]
    pub fn wait_for_times(&self, times: usize, words: &str) -> String {
        let began = Instant::now();
        loop {
            let log = self.log();
            if log.matches(words).count() >= times {
                return log;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "not {times} times {words:?} in:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the log has these words so many times, and has them no more often.
    #[track_caller]
    pub fn has_times(&self, times: usize, words: &str) {
        let log = self.wait_for_times(times, words);
        assert_eq!(log.matches(words).count(), times, "{words:?} in:\n{log}");
    }

    pub fn signal(&self, signal: Signal) {
        let process = rustix::process::Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(process, signal).unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "still running:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.child.id())).map_or(0, Iterator::count)
    }

    /// Memory that it holds, in KiB.
    pub fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let words: Vec<&str> = line.unwrap().split_whitespace().collect();
        words[1].parse().unwrap()
    }

    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn sign(node: &mut Node, key: &PublicKey, height: i64, tag: u8) -> bool {
    let request = maker().prevote(height, 0, Some(tag), height);
    let bytes = request.sign_bytes();
    match node.ask(&Ask::Sign(request)).unwrap() {
        Answer::Signed { signature, .. } => {
            assert!(key.verify(bytes.as_slice(), &signature));
            true
        }
        Answer::Error(_) => false,
        other => panic!("{other:?}"),
    }
}

/// A copy of the program, made by another process: while this one has the copy open for writing, so has every child that is
/// just being started by another test, and nobody can run it ("Text file busy").
pub fn copy_program(to: &Path) {
    let mut cp = Command::new("cp");
    let status = cp.arg(env!("CARGO_BIN_EXE_tmkms")).arg(to).status();
    assert!(status.unwrap().success());
}

/// Makes a home, in a folder that may be there: a `tmkms.toml` whose chain `c-1` has a key, no state, and a node that nobody
/// ever hears of.
pub fn keyed_home(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let made = tmkms(folder, &["softsign", "keygen", "c.key"]);
    assert_eq!(made.code, 0, "{}", made.err);
    fs::write(
        folder.join("tmkms.toml"),
        Chain::new("c-1").node(ABSENT).key("c.key").to_string(),
    )
    .unwrap();
}
