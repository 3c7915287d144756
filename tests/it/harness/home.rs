//! A home of the real program with one key and one chain, and its process.
#![allow(dead_code, reason = "each user takes a part of this")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tmkms::backends::softsign::key::SoftKey;
use tmkms::consensus::KeyType;
use tmkms::consensus::PublicKey;

use super::chain::Chain;

pub struct Home {
    program: PathBuf,
    folder: PathBuf,
    pub key: PublicKey,
}

impl Home {
    /// In this folder, for this chain, dialling these addresses; nothing is used up yet.
    pub fn new(program: &Path, folder: &Path, chain: &str, addresses: &[String]) -> Self {
        let (_, identity) = SoftKey::generate(KeyType::Ed25519).unwrap();
        let (key, text) = SoftKey::generate(KeyType::Ed25519).unwrap();
        tmkms::secret_file::create(&folder.join("identity.key"), &identity).unwrap();
        tmkms::secret_file::create(&folder.join("consensus.key"), &text).unwrap();
        let config = addresses
            .iter()
            .fold(Chain::new(chain), Chain::node_with_identity)
            .key("consensus.key");
        fs::write(folder.join("tmkms.toml"), config.to_string()).unwrap();
        let home = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            key: key.public_key(),
        };
        let init = home
            .command(&["state", "init", chain, "--never-signed"])
            .output();
        assert!(init.unwrap().status.success());
        home
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_remove("TMKMS_CONFIG_FILE")
            .env_remove("RUST_LOG")
            .env_remove("TMKMS_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    pub fn start(&self) -> Running {
        let log = self.folder.join("log");
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let child = self.command(&["start"]).stderr(file).spawn().unwrap();
        Running { child, log }
    }
}

/// A service that is never left behind.
pub struct Running {
    child: Child,
    log: PathBuf,
}

/// What a process holds, from `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Resident memory in KiB.
    pub resident: usize,
    pub descriptors: usize,
    pub threads: usize,
}

impl Running {
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Whether it runs.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn held(&self) -> Held {
        held(self.child.id())
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

pub fn held(process: u32) -> Held {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let number = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Held {
        resident: number("VmRSS:"),
        threads: number("Threads:"),
        descriptors: fs::read_dir(format!("/proc/{process}/fd")).unwrap().count(),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
