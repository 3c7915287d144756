//! What a vote costs that three processes make together, 2 of 3, and what it consists of, beside one with the whole key, in one
//! run on one machine: `cargo bench --bench cosigners`.
//!
//! All are processes of the program on this host and this disk, asked in turns, so that a machine that changes its pace changes it
//! for all of them; ratios are what counts. `-- --rounds N` measures longer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measurement may end so"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tmkms::backends::cosign::{Commitments, Party, SignatureShare};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::{ChainId, KeyType};
use tmkms::gate::store::file::{FileStore, StateFile};
use tmkms::gate::watermark::Watermark;
use tmkms::gate::{Admission, Gate, Settings};
use tmkms::harness::messages::Maker;
use tmkms::harness::{Listener, Node};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::shares::KeyShare;
use tmkms::signer::Signer;

const CHAIN: &str = "bench-1";
const MEMBERS: u16 = 3;
/// So many rounds are not counted.
const WARM: usize = 50;
/// How often all of it is started.
const STARTS: usize = 10;

/// A process in a home of its own, with its node.
struct Process {
    home: PathBuf,
    listener: Listener,
    child: Option<Child>,
}

impl Process {
    fn new(home: PathBuf, provider: &str) -> Self {
        let listener = Listener::tcp().unwrap();
        let (_, identity) = SoftKey::generate(KeyType::Ed25519).unwrap();
        tmkms::secret_file::create(&home.join("identity.key"), &identity).unwrap();
        let config = format!(
            "[[chain]]\nid = \"{CHAIN}\"\nstate_file = \"state.json\"\nallow_ephemeral_state = true\n\
             [[validator]]\nchain_id = \"{CHAIN}\"\naddr = \"{}\"\nsecret_key = \"identity.key\"\n{provider}",
            listener.address().unwrap()
        );
        fs::write(home.join("tmkms.toml"), config).unwrap();
        run(&home, &["state", "init", CHAIN, "--never-signed"]);
        let child = None;
        Self {
            home,
            listener,
            child,
        }
    }

    fn start(&mut self) {
        self.child = Some(program(&self.home).arg("start").spawn().unwrap());
    }

    fn node(&self) -> Node {
        self.listener.accept(Duration::from_secs(5)).unwrap()
    }

    fn resident(&self) -> u64 {
        let process = self.child.as_ref().unwrap().id();
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        line.unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tmkms"));
    command
        .current_dir(home)
        .env_remove("TMKMS_CONFIG_FILE")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn run(home: &Path, words: &[&str]) {
    assert!(program(home).args(words).status().unwrap().success());
}

/// Members of a new key, none of them started; and their shares.
fn members(folder: &Path) -> (Vec<Process>, Vec<KeyShare>) {
    fs::create_dir(folder).unwrap();
    let ports: Vec<TcpListener> = (0..MEMBERS)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
        .collect();
    let addresses: Vec<String> = ports
        .iter()
        .map(|port| port.local_addr().unwrap().to_string())
        .collect();
    drop(ports);
    let count = MEMBERS.to_string();
    let mut words = vec!["cosign", "split", "-t", "2", "-n", &count, "--chain-id"];
    words.push(CHAIN);
    addresses.iter().for_each(|at| words.extend(["--addr", at]));
    words.push("shares");
    run(folder, &words);
    let mut shares = Vec::new();
    let mut signers = Vec::new();
    for id in 1..=MEMBERS {
        let home = folder.join(format!("home-{id}"));
        let secrets = home.join("secrets");
        fs::create_dir_all(&secrets).unwrap();
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o700)).unwrap();
        let from = folder.join(format!("shares/member-{id}"));
        fs::copy(
            from.join("share.json"),
            secrets.join(format!("{CHAIN}.share")),
        )
        .unwrap();
        let identity = secrets.join(format!("{CHAIN}-cosign.key"));
        fs::copy(from.join("identity.key"), identity).unwrap();
        let share = fs::read(from.join("share.json")).unwrap();
        shares.push(KeyShare::from_json(&share).unwrap());
        let section = fs::read_to_string(from.join("cosign.toml")).unwrap();
        signers.push(Process::new(home, &section));
    }
    (signers, shares)
}

fn vote(node: &mut Node, maker: &Maker, number: &mut i64) {
    *number += 1;
    let answer = node.ask(&Ask::Sign(maker.prevote(*number, 0, Some(1), *number)));
    let answer = answer.unwrap();
    assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
}

/// Measured in turns.
struct Part<'a> {
    name: &'static str,
    act: Box<dyn FnMut() + 'a>,
    times: Histogram<u64>,
}

impl<'a> Part<'a> {
    fn new(name: &'static str, act: impl FnMut() + 'a) -> Self {
        Self {
            name,
            act: Box::new(act),
            times: Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap(),
        }
    }

    fn once(&mut self) {
        let began = Instant::now();
        (self.act)();
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap();
        self.times.saturating_record(took);
    }

    /// In µs.
    fn at(&self, quantile: f64) -> f64 {
        self.times.value_at_quantile(quantile) as f64 / 1000.0
    }
}

/// A file into which slots are written as a state file has them.
struct Slots(File, u64);

impl Slots {
    fn new(path: &Path) -> Self {
        let file = File::create(path).unwrap();
        file.write_all_at(&[b' '; 16384], 0).unwrap();
        file.sync_all().unwrap();
        Self(file, 0)
    }

    fn write(&mut self) {
        self.1 += 1;
        let at = self.1 % 2 * 8192;
        self.0.write_all_at(&[b' '; 8192], at).unwrap();
        self.0.sync_data().unwrap();
    }
}

fn votes(folder: &Path, rounds: usize) {
    let home = folder.join("whole");
    fs::create_dir(&home).unwrap();
    run(&home, &["softsign", "keygen", "consensus.key"]);
    let provider =
        format!("[[providers.softsign]]\nchain_ids = [\"{CHAIN}\"]\npath = \"consensus.key\"\n");
    let mut whole = Process::new(home, &provider);
    let (mut signers, shares) = members(&folder.join("members"));
    whole.start();
    signers.iter_mut().for_each(Process::start);
    let softsign = RefCell::new(whole.node());
    let nodes: Vec<RefCell<Node>> = signers.iter().map(|it| RefCell::new(it.node())).collect();

    let chain_id: ChainId = CHAIN.parse().unwrap();
    let maker = Maker::new(chain_id.clone());
    let now = SystemClock.now();
    let place = StateFile {
        chain_id: chain_id.clone(),
        // Not the members' key: its locks are theirs.
        public_key: Signer::public_key(&SoftKey::generate(KeyType::Ed25519).unwrap().0),
        path: folder.join("gate.json"),
        allow_ephemeral: true,
        share: None,
        shared: false,
        scopes: Default::default(),
        commands: Default::default(),
    };
    FileStore::create(&place, &Watermark::Never, now.wall).unwrap();
    let store = Box::new(FileStore::open(&place).unwrap());
    let mut gate = Gate::arm(chain_id, Settings::default(), store, &now).unwrap();
    let prepared = gate.prepare(&maker.prevote(1, 0, None, 1)).unwrap();
    let judged = gate.judge(prepared, &now).unwrap();
    let Admission::Sign { permit, .. } = judged.admit(Duration::MAX).unwrap() else {
        panic!("no permit");
    };
    let parties = [&shares[0], &shares[1]].map(|share| Party::new(share).unwrap());
    let commit = || {
        let made: Vec<_> = (1_u16..).zip(parties.iter().map(Party::commit)).collect();
        let shown: BTreeMap<_, _> = made
            .iter()
            .map(|(id, (_, shown))| (*id, shown.clone()))
            .collect();
        (made, shown)
    };
    let (made, shown) = commit();
    let given: BTreeMap<u16, SignatureShare> = made
        .into_iter()
        .zip(&parties)
        .map(|((id, (nonce, _)), party)| (id, nonce.share(party, &permit, &shown).unwrap()))
        .collect();
    let joint = parties[0].joint(permit.bytes(), &shown).unwrap();
    // A member's nonces are ready before it is asked.
    let mut ready: Vec<_> = (0..rounds + WARM)
        .map(|_| {
            let (made, shown) = commit();
            let joint = parties[0].joint(permit.bytes(), &shown).unwrap();
            (made.into_iter().next().unwrap().1.0, joint)
        })
        .collect();

    let mut one = Slots::new(&folder.join("one"));
    let mut two = Slots::new(&folder.join("two"));
    let (go, going) = channel();
    let (done, is_done) = channel();
    let second = thread::spawn(move || {
        while going.recv().is_ok() {
            two.write();
            done.send(()).unwrap();
        }
    });
    let (mut whole_number, number) = (0, RefCell::new(0));
    {
        let mut parts = [
            Part::new("softsign", || {
                vote(&mut softsign.borrow_mut(), &maker, &mut whole_number);
            }),
            Part::new("2 of 3, asked at the lowest", || {
                vote(&mut nodes[0].borrow_mut(), &maker, &mut number.borrow_mut());
            }),
            Part::new("2 of 3, asked at another", || {
                vote(&mut nodes[2].borrow_mut(), &maker, &mut number.borrow_mut());
            }),
            Part::new("round trip (ping)", || {
                nodes[1].borrow_mut().ask(&Ask::Ping).unwrap();
            }),
            Part::new("two bare writes at once", || {
                go.send(()).unwrap();
                one.write();
                is_done.recv().unwrap();
            }),
            Part::new("FROST: a nonce", || {
                parties[0].commit();
            }),
            Part::new("FROST: a share", || {
                let (nonce, joint) = ready.pop().unwrap();
                nonce.share_of(&parties[0], &permit, &joint).unwrap();
            }),
            Part::new("FROST: what the commitments come to", || {
                parties[0].joint(permit.bytes(), &shown).unwrap();
            }),
            Part::new("FROST: the signature, verified", || {
                parties[0].aggregate(&joint, &given).unwrap();
            }),
            Part::new("FROST: to look at another's commitments", || {
                Commitments::from_bytes(&shown[&2].to_bytes().unwrap()).unwrap();
            }),
        ];
        // Not counted: caches, links, and the first write of a leap.
        for part in &mut parts {
            (0..WARM).for_each(|_| (part.act)());
        }
        for _ in 0..rounds {
            parts.iter_mut().for_each(Part::once);
        }
        println!("{:<34} {:>9} {:>9} {:>9}   µs", "", "p50", "p90", "p99");
        for part in &parts {
            let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|quantile| part.at(quantile));
            println!("{:<34} {p50:>9.1} {p90:>9.1} {p99:>9.1}", part.name);
        }
        let p50 = |at: usize| parts[at].at(0.5);
        let (trip, writes) = (p50(3), p50(4));
        // What RFC 9591 has a member do for a signature, each step once, though some are done beside a write.
        let frost: f64 = (5..=9).map(p50).sum();
        let lowest = trip + trip + writes + frost;
        println!();
        ratio(
            "at the lowest / (trip of the node + trip of the members + writes + FROST)",
            p50(1) / lowest,
            1.25,
        );
        ratio("at another / at the lowest", p50(2) / p50(1), 2.0);
        ratio("at the lowest / softsign", p50(1) / p50(0), 2.0);
    }
    let resident: Vec<u64> = signers.iter().map(Process::resident).collect();
    let sum: u64 = resident.iter().sum();
    println!(
        "resident memory of the three: {:.1} MB",
        sum as f64 / 1024.0
    );
    drop(go);
    second.join().unwrap();
}

fn ratio(name: &str, found: f64, target: f64) {
    println!("{name:<76} {found:>5.2}  (target {target})");
}

/// From the start of all three to the first signature that any of their nodes has.
fn starts(folder: &Path) {
    let mut times = Vec::new();
    for turn in 0..STARTS {
        let (mut signers, _) = members(&folder.join(format!("start-{turn}")));
        let began = Instant::now();
        signers.iter_mut().for_each(Process::start);
        let mut node = signers[turn % signers.len()].node();
        vote(&mut node, &Maker::new(CHAIN.parse().unwrap()), &mut 0);
        times.push(began.elapsed());
    }
    times.sort();
    let milliseconds = |at: usize| times[at].as_secs_f64() * 1000.0;
    println!(
        "start of all three to the first signature: {:.1} ms median of {STARTS}, {:.1} ms the longest (target 140)",
        milliseconds(STARTS / 2),
        milliseconds(STARTS - 1)
    );
}

fn main() {
    let mut words = std::env::args()
        .skip_while(|word| word != "--rounds")
        .skip(1);
    let rounds = words.next().map_or(500, |number| number.parse().unwrap());
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    votes(folder.path(), rounds);
    starts(folder.path());
}
