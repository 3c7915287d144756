//! Every way to put a backup of a state file back, and everything that an honest operator does to one, with the whole
//! program on the file system of the folder that is named (W15). `tests/restore/run` does so on ext4, ext4 without birth
//! times, XFS and btrfs.
//!
//! `restored_state FOLDER`; the program must lie beside the folder of this one, as cargo puts it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a test in all but name"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tmkms::backends::softsign::key::SoftKey;
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::KeyType;
use tmkms::harness::messages::Maker;
use tmkms::harness::{Listener, Node};
use tmkms::os::files::filesystem::Marks;

const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than the times of a file may be from its stamp, with a second for file systems that keep whole ones.
const LATER: Duration = Duration::from_millis(3_500);

/// How a backup in `backup` is put back; `{subvolume}` is the folder of the home.
const RESTORED: &[&str] = &[
    "cp backup/state.json state.json",
    "cp -a backup/state.json state.json",
    "cp -a backup/. .",
    "cat backup/state.json > state.json",
    "dd if=backup/state.json of=state.json status=none",
    "dd if=backup/state.json of=state.json conv=notrunc status=none",
    "tee state.json < backup/state.json > /dev/null",
    "tar c -C backup . | tar x --overwrite",
    "tar c -C backup . | tar x",
    "rsync -t --inplace --ignore-times backup/state.json state.json",
    "rsync -a --ignore-times backup/ .",
    "rm state.json; cp backup/state.json .",
    "rm state.json; cp -a backup/state.json .",
    "mv backup/state.json state.json",
    "install -p -m 600 backup/state.json state.json",
];

/// What is done to a state file that was left by a clean stop.
const HONEST: &[&str] = &[
    "true",
    "chmod 640 state.json",
    "chown -R 0:0 .",
    "chmod -R u+rwX .",
    "mv state.json x; mv x state.json",
    "cat state.json > /dev/null; touch -a state.json",
];

struct Service(Child);

impl Service {
    fn end(mut self, signal: &str) {
        let id = self.0.id().to_string();
        let done = Command::new("sh")
            .args(["-c", &format!("kill -s {signal} {id}")])
            .status();
        assert!(done.unwrap().success());
        self.0.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Home {
    path: PathBuf,
    chain: String,
    listener: Listener,
    /// The sockets of nodes must not lie on the file system that is moved about.
    _sockets: tempfile::TempDir,
}

fn program() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.parent().unwrap().parent().unwrap().join("tmkms")
}

impl Home {
    fn new(path: &Path, name: &str) -> Self {
        fs::create_dir_all(path).unwrap();
        let sockets = tempfile::tempdir().unwrap();
        let listener = Listener::unix(&sockets.path().join("privval.sock")).unwrap();
        let (_, text) = SoftKey::generate(KeyType::Ed25519).unwrap();
        tmkms::secret_file::create(&path.join("consensus.key"), &text).unwrap();
        let chain = format!("restore-{name}");
        let config = format!(
            "[[chain]]\nid = \"{chain}\"\nstate_file = \"state.json\"\n\
             [[validator]]\nchain_id = \"{chain}\"\naddr = \"{}\"\n\
             [[providers.softsign]]\nchain_ids = [\"{chain}\"]\npath = \"consensus.key\"\n",
            listener.address().unwrap()
        );
        fs::write(path.join("tmkms.toml"), config).unwrap();
        let home = Self {
            path: path.to_owned(),
            chain,
            listener,
            _sockets: sockets,
        };
        let (done, text) = home.tmkms(&["state", "init", &home.chain, "--never-signed"]);
        assert!(done, "{text}");
        home
    }

    fn tmkms(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(program())
            .args(arguments)
            .current_dir(&self.path)
            .env_remove("TMKMS_CONFIG_FILE")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    fn sh(&self, command: &str) {
        let done = Command::new("sh")
            .args(["-ec", command])
            .current_dir(&self.path)
            .status();
        assert!(done.unwrap().success(), "{command}");
    }

    fn start(&self) -> (Service, Node) {
        let child = Command::new(program())
            .arg("start")
            .current_dir(&self.path)
            .env_remove("TMKMS_CONFIG_FILE")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let service = Service(child);
        (service, self.listener.accept(PATIENCE).unwrap())
    }

    fn signs(&self, node: &mut Node, height: i64, block: u8) -> bool {
        let maker = Maker::new(self.chain.parse().unwrap());
        let request = maker.prevote(height, 0, Some(block), 1);
        match node.ask(&Ask::Sign(request)) {
            Ok(Answer::Signed { .. }) => true,
            Ok(Answer::Error(_)) => false,
            Ok(other) => panic!("{other:?}"),
            // A service whose chain is not armed may leave, and come back.
            Err(_) => {
                if let Ok(again) = self.listener.accept(Duration::from_secs(2)) {
                    *node = again;
                }
                false
            }
        }
    }

    /// `check` refuses it, and so does `start`: at the height that was signed nothing else is signed.
    fn is_refused(&self, case: &str) {
        let (ready, text) = self.tmkms(&["check"]);
        let named = text.contains("is not as this program left it");
        assert!(!ready && named, "{case}: {text}");
        let (_service, mut node) = self.start();
        assert!(!self.signs(&mut node, 11, 2), "{case}: a DOUBLE SIGN");
        assert!(!self.signs(&mut node, 12, 2), "{case}: armed");
    }

    fn is_armed(&self, case: &str) {
        let (ready, text) = self.tmkms(&["check"]);
        assert!(ready, "{case}: {text}");
        let (_service, mut node) = self.start();
        let began = Instant::now();
        // A vote that comes before the chain is armed is refused.
        while !self.signs(&mut node, 12, 1) {
            assert!(began.elapsed() < PATIENCE, "{case}: not armed");
            thread::sleep(Duration::from_millis(20));
        }
        assert!(!self.signs(&mut node, 11, 2), "{case}: below");
    }
}

/// When the backup is made.
#[derive(Clone, Copy, Debug)]
enum Backup {
    Running,
    AfterAStop,
}

fn vote(home: &Home, node: &mut Node, height: i64) {
    let began = Instant::now();
    while !home.signs(node, height, 1) {
        assert!(began.elapsed() < PATIENCE, "{height} is not signed");
        thread::sleep(Duration::from_millis(20));
    }
}

fn restored(folder: &Path) -> usize {
    let mut cases = Vec::new();
    for (number, way) in RESTORED.iter().enumerate() {
        for (backup, end) in [
            (Backup::Running, "KILL"),
            (Backup::Running, "TERM"),
            (Backup::AfterAStop, "KILL"),
            (Backup::AfterAStop, "TERM"),
        ] {
            let name = format!("{number}-{backup:?}-{end}").to_lowercase();
            let home = Home::new(&folder.join(&name), &name);
            let (mut service, mut node) = home.start();
            vote(&home, &mut node, 10);
            if let Backup::AfterAStop = backup {
                drop(node);
                service.end("TERM");
                home.sh("mkdir backup; cp -a state.json* backup");
                (service, node) = home.start();
            } else {
                home.sh("mkdir backup; cp -a state.json* backup");
            }
            cases.push((format!("{way} ({name})"), way, end, home, service, node));
        }
    }
    thread::sleep(LATER);
    let count = cases.len();
    for (case, way, end, home, service, mut node) in cases {
        vote(&home, &mut node, 11);
        drop(node);
        service.end(end);
        home.sh(way);
        home.is_refused(&case);
    }
    count
}

/// A snapshot of hard links, moved back after the state went to a new file.
fn links(folder: &Path) {
    let home = Home::new(&folder.join("links"), "links");
    let (service, mut node) = home.start();
    vote(&home, &mut node, 10);
    home.sh("mkdir snapshot; ln state.json snapshot/state.json");
    thread::sleep(LATER);
    vote(&home, &mut node, 11);
    drop(node);
    service.end("TERM");
    home.is_refused("two names");
    let import = ["state", "import", &home.chain, "state.json", "--yes"];
    let (done, text) = home.tmkms(&import);
    assert!(done, "{text}");
    thread::sleep(LATER);
    home.sh("mv snapshot/state.json state.json");
    home.is_refused("a snapshot of links, moved back");
}

/// A snapshot of a btrfs subvolume, put in the place of its origin.
fn subvolume(folder: &Path) {
    let (sub, snapshot) = (folder.join("sub"), folder.join("snapshot"));
    let btrfs = |words: &[&Path]| {
        let done = Command::new("btrfs")
            .arg("subvolume")
            .args(words)
            .stdout(Stdio::null())
            .status();
        assert!(done.unwrap().success());
    };
    btrfs(&[Path::new("create"), &sub]);
    let home = Home::new(&sub, "subvolume");
    let (service, mut node) = home.start();
    vote(&home, &mut node, 10);
    drop(node);
    service.end("TERM");
    btrfs(&[Path::new("snapshot"), &sub, &snapshot]);
    let (service, mut node) = home.start();
    vote(&home, &mut node, 11);
    drop(node);
    service.end("TERM");
    fs::rename(&sub, folder.join("old")).unwrap();
    fs::rename(&snapshot, &sub).unwrap();
    home.is_refused("a subvolume's snapshot");
}

fn honest(folder: &Path) -> usize {
    let mut cases = Vec::new();
    for (number, act) in HONEST.iter().enumerate() {
        let name = format!("honest-{number}");
        let home = Home::new(&folder.join(&name), &name);
        let (service, mut node) = home.start();
        vote(&home, &mut node, 11);
        drop(node);
        service.end("TERM");
        cases.push((*act, home));
    }
    let killed = Home::new(&folder.join("killed"), "killed");
    let (service, mut node) = killed.start();
    vote(&killed, &mut node, 11);
    drop(node);
    service.end("KILL");
    let begun = Home::new(&folder.join("begun"), "begun");
    thread::sleep(LATER);
    let has_birth = has_birth(&killed.path);
    for (act, home) in &cases {
        home.sh(act);
        // Without birth times only what does not change the file passes.
        match has_birth || act.starts_with("true") {
            true => home.is_armed(act),
            false => home.is_refused(act),
        }
    }
    killed.is_armed("killed and started again");
    killed.is_armed("killed once more");
    begun.is_armed("begun");
    cases.len() + 3
}

fn has_birth(home: &Path) -> bool {
    let file = File::open(home.join("state.json")).unwrap();
    Marks::of(&file).unwrap().provenance.birth.is_some()
}

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("a folder"));
    let folder = folder.join(format!("restored-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let honest = honest(&folder);
    let restored = restored(&folder);
    links(&folder);
    let kind = Command::new("stat")
        .args(["-f", "-c", "%T"])
        .arg(&folder)
        .output();
    let kind = String::from_utf8(kind.unwrap().stdout).unwrap();
    let is_btrfs = kind.trim() == "btrfs";
    if is_btrfs {
        subvolume(&folder);
    }
    println!(
        "{}{}: {} restored states refused, {honest} honest ones armed",
        kind.trim(),
        match has_birth(&folder.join("begun")) {
            true => "",
            false => " without birth times",
        },
        restored + 2 + usize::from(is_btrfs),
    );
}
