//! What a vote costs, and what it consists of, in one run on one machine: `cargo bench --bench vote`.
//!
//! Ratios are what counts; absolute times are this machine's. Parts are measured in turns, so that a machine that
//! changes its pace changes it for all of them. `-- --rounds N` measures longer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measurement may end so"
)]

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tmkms::backends::softsign::key::SoftKey;
use tmkms::chain::{Armed, Chain};
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::ChainId;
use tmkms::consensus::KeyType;
use tmkms::events::{Event, Sink};
use tmkms::gate::refusal::Refusal;
use tmkms::gate::store::file::{FileStore, StateFile};
use tmkms::gate::store::{Origin, Store};
use tmkms::gate::watermark::{Last, Watermark};
use tmkms::gate::{Admission, Gate, Settings};
use tmkms::harness::messages::Maker;
use tmkms::harness::{Listener, Node};
use tmkms::link::{Address, IdentityKey, Timeouts, accept_unix, dial};
use tmkms::os::clock::{Clock, Moment, SystemClock};
use tmkms::os::process::beat::{Beat, EVERY};
use tmkms::request::SignRequest;
use tmkms::session::{InFlight, NodeTerms, serve};
use tmkms::signer::Signer;

struct Nobody;

impl Sink for Nobody {
    fn emit(&self, _: &Event) {}
}

/// Measures in turns; a part is a closure that does one thing.
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
        self.times
            .saturating_record(u64::try_from(began.elapsed().as_nanos()).unwrap());
    }

    fn median(&self) -> f64 {
        self.times.value_at_quantile(0.5) as f64
    }
}

fn chain_id() -> ChainId {
    "bench-1".parse().unwrap()
}

fn key() -> SoftKey {
    SoftKey::generate(KeyType::Ed25519).unwrap().0
}

fn store(folder: &Path, name: &str, key: &SoftKey) -> FileStore {
    let place = StateFile {
        chain_id: chain_id(),
        public_key: Signer::public_key(key),
        share: None,
        path: folder.join(name),
        allow_ephemeral: true,
        shared: false,
        scopes: Default::default(),
        commands: Default::default(),
    };
    FileStore::create(&place, &Watermark::Never, SystemClock.now().wall).unwrap();
    FileStore::open(&place).unwrap()
}

/// A chain that is served over one link, and the node at its other end: over a Unix socket without a listener.
fn served(folder: &Path, name: &str, listener: Option<Listener>) -> Node {
    let key = key();
    let store = Box::new(store(folder, name, &key));
    let gate = Gate::arm(chain_id(), Settings::default(), store, &SystemClock.now()).unwrap();
    let chain = Arc::new(Chain::armed(chain_id(), Armed::new(gate, Arc::new(key))));
    let (mut ours, node) = if let Some(listener) = listener {
        let address: Address = listener.address().unwrap();
        let node = thread::spawn(move || listener.accept(Duration::from_secs(5)).unwrap());
        let ours = dial(
            &address,
            Some(&IdentityKey::from_seed(&[1; 32])),
            &Timeouts::default(),
            |_| {},
        )
        .unwrap();
        (ours, node.join().unwrap())
    } else {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ours = accept_unix(ours, &Timeouts::default()).unwrap();
        (
            ours,
            Node::new(accept_unix(theirs, &Timeouts::default()).unwrap()),
        )
    };
    // As in the service: a beat that every request looks at.
    let beat = Arc::new(Beat::new(&SystemClock.now()));
    let hand = InFlight::with(beat.clone());
    thread::spawn(move || {
        loop {
            thread::sleep(EVERY);
            beat.strike(&SystemClock.now());
        }
    });
    thread::spawn(move || {
        pin(SIGNER);
        serve(
            &mut ours,
            &*chain,
            &NodeTerms::default(),
            &hand,
            &SystemClock,
            &Nobody,
        )
    });
    node
}

/// The floor: a thread that reads a request's worth of bytes, writes and flushes a slot, signs and answers, and does
/// nothing else. What it costs above the sum of its parts is the price of waking threads on this machine.
fn floor<S: Read + Write + Send + 'static>(folder: &Path, name: &str, mut ours: S) {
    let file = File::create(folder.join(name)).unwrap();
    file.write_all_at(&[b' '; 16384], 0).unwrap();
    file.sync_all().unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    thread::spawn(move || {
        pin(SIGNER);
        let (mut request, mut turn) = ([0; 160], 0);
        while ours.read_exact(&mut request).is_ok() {
            turn = 1 - turn;
            file.write_all_at(&[b' '; 8192], turn * 8192).unwrap();
            file.sync_data().unwrap();
            let signature = ed25519_dalek::Signer::sign(&key, &request).to_bytes();
            ours.write_all(&signature).unwrap();
        }
    });
}

/// Two ends of a TCP link on the loopback interface.
fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let theirs = listener.accept().unwrap().0;
    ours.set_nodelay(true).unwrap();
    theirs.set_nodelay(true).unwrap();
    (ours, theirs)
}

/// The prevote with this number. Most are a round higher than the one before, so that heights do not run out.
fn prevote(maker: &Maker, number: &mut i32) -> SignRequest {
    *number += 1;
    maker.prevote(i64::from(*number / 5_000) + 1, *number % 5_000, Some(1), 1)
}

/// What a chain asks of its gate.
fn admit(gate: &mut Gate, request: &SignRequest, now: &Moment) -> Result<Admission, Refusal> {
    let prepared = gate.prepare(request)?;
    gate.judge(prepared, now)?.admit(Duration::MAX)
}

fn vote(node: &mut Node, maker: &Maker, number: &mut i32) {
    let answer = node.ask(&Ask::Sign(prevote(maker, number))).unwrap();
    assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
}

/// Node and signer do not share a processor, in life as here. Left alone the scheduler puts a pinging pair on one
/// processor and a voting pair on two, and then the round trip that a vote is measured against is not its own.
fn pin(processor: usize) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    set.set(processor);
    // On a machine with one processor there is nothing to separate.
    let _ = sched_setaffinity(None, &set);
}

const NODE: usize = 0;
const SIGNER: usize = 1;

fn main() {
    pin(NODE);
    let rounds = std::env::args()
        .skip_while(|argument| argument != "--rounds")
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(4_000);
    // On the disk that the project is on: the folder for temporary files may forget.
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    parts(&folder, rounds);
    process(&folder);
    fs::remove_dir_all(&folder).unwrap();
}

fn parts(folder: &Path, rounds: usize) {
    let maker = Maker::new(chain_id());
    let now = SystemClock.now();

    let bare = File::create(folder.join("bare")).unwrap();
    let block = vec![b' '; 8192];
    bare.write_all_at(&[b' '; 16384], 0).unwrap();
    bare.sync_all().unwrap();
    let mut turn = 0;

    let mut durable = store(folder, "durable.json", &key());
    let mut durable_number = 0;

    let mut gate = Gate::arm(
        chain_id(),
        Settings::default(),
        Box::new(Free::default()),
        &now,
    )
    .unwrap();
    let mut gate_number = 0;

    // Votes and pings of a link go over the same link.
    let unix = RefCell::new(served(folder, "unix.json", None));
    let tcp = RefCell::new(served(folder, "tcp.json", Some(Listener::tcp().unwrap())));
    let noise = Listener::noise(None).unwrap();
    let noise = RefCell::new(served(folder, "noise.json", Some(noise)));
    let (mut unix_number, mut tcp_number, mut noise_number) = (0, 0, 0);
    let signer = key();
    let (ours, mut unix_floor) = UnixStream::pair().unwrap();
    floor(folder, "unix-floor", ours);
    let (ours, mut tcp_floor) = tcp_pair();
    floor(folder, "tcp-floor", ours);
    let mut permits = Gate::arm(
        chain_id(),
        Settings::default(),
        Box::new(Free::default()),
        &now,
    )
    .unwrap();
    let Ok(Admission::Sign { permit, .. }) =
        admit(&mut permits, &maker.prevote(1, 0, None, 1), &now)
    else {
        panic!("no permit");
    };

    // A signature of each other type, verified before it leaves like the one above.
    let others = KeyType::ALL
        .into_iter()
        .filter(|kind| *kind != KeyType::Ed25519);
    let others: Vec<_> = others
        .filter_map(|kind| Some((kind, SoftKey::generate(kind).ok()?.0)))
        .collect();

    let mut parts = vec![
        Part::new("bare pwrite + fdatasync, 8 KiB", || {
            turn = 1 - turn;
            bare.write_all_at(&block, turn * 8192).unwrap();
            bare.sync_data().unwrap();
        }),
        Part::new("durable write of a watermark", || {
            let bytes = prevote(&maker, &mut durable_number).sign_bytes();
            let next = Watermark::Message(Last::new(bytes, None).unwrap());
            let sequence = durable.record().sequence;
            durable
                .persist(sequence, &next, Origin::Request, now.wall)
                .unwrap();
        }),
        Part::new("gate only", || {
            let request = prevote(&maker, &mut gate_number);
            let Ok(Admission::Sign { permit, .. }) = admit(&mut gate, &request, &SystemClock.now())
            else {
                panic!("refused");
            };
            drop(permit);
        }),
        Part::new("Ed25519 signature", || {
            signer.sign(&permit).unwrap();
        }),
        Part::new("floor over unix", || {
            unix_floor.write_all(&[1; 160]).unwrap();
            unix_floor.read_exact(&mut [0; 64]).unwrap();
        }),
        Part::new("floor over tcp, not encrypted", || {
            tcp_floor.write_all(&[1; 160]).unwrap();
            tcp_floor.read_exact(&mut [0; 64]).unwrap();
        }),
        Part::new("whole vote over unix", || {
            vote(&mut unix.borrow_mut(), &maker, &mut unix_number);
        }),
        Part::new("round trip over unix (ping)", || {
            unix.borrow_mut().ask(&Ask::Ping).unwrap();
        }),
        Part::new("whole vote over tcp", || {
            vote(&mut tcp.borrow_mut(), &maker, &mut tcp_number);
        }),
        Part::new("round trip over tcp (ping)", || {
            tcp.borrow_mut().ask(&Ask::Ping).unwrap();
        }),
        Part::new("whole vote over noise", || {
            vote(&mut noise.borrow_mut(), &maker, &mut noise_number);
        }),
        Part::new("round trip over noise (ping)", || {
            noise.borrow_mut().ask(&Ask::Ping).unwrap();
        }),
    ];
    for (kind, key) in &others {
        parts.push(Part::new(kind.as_str(), || {
            key.sign(&permit).unwrap();
        }));
    }
    // Not counted: caches, and the first write of a leap.
    parts
        .iter_mut()
        .for_each(|part| (0..50).for_each(|_| (part.act)()));
    for _ in 0..rounds {
        parts.iter_mut().for_each(Part::once);
    }
    println!(
        "{:<37} {:>9} {:>9} {:>9} {:>9}   µs",
        "", "p50", "p90", "p99", "p99.9"
    );
    for part in &parts {
        let at = |quantile| part.times.value_at_quantile(quantile) as f64 / 1000.0;
        println!(
            "{:<37} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
            part.name,
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999)
        );
    }
    let median = |name: &str| {
        parts
            .iter()
            .find(|part| part.name.starts_with(name))
            .unwrap()
            .median()
    };
    let (write, sign) = (median("durable"), median("Ed25519"));
    println!();
    ratio("durable write / bare write", write / median("bare"), 1.1);
    for link in ["unix", "tcp"] {
        let whole = median(&format!("whole vote over {link}"));
        let floor = median(&format!("floor over {link}"));
        let sum = write + sign + median(&format!("round trip over {link}"));
        ratio(
            &format!("whole vote over {link} / floor over {link}"),
            whole / floor,
            1.25,
        );
        let name = format!("whole vote over {link} / (write + signature + round trip)");
        ratio(&name, whole / sum, 1.25);
    }
    let [tcp, noise] = ["tcp", "noise"].map(|link| median(&format!("whole vote over {link}")));
    ratio(
        "whole vote over noise / whole vote over tcp",
        noise / tcp,
        1.05,
    );
}

fn ratio(name: &str, found: f64, target: f64) {
    println!("{name:<66} {found:>5.2}  (target {target})");
}

/// The program itself: from its start to the first signature, and its memory.
fn process(folder: &Path) {
    let mut times = Vec::new();
    let mut resident = 0;
    for run in 0..20 {
        let home = folder.join(format!("home-{run}"));
        fs::create_dir(&home).unwrap();
        let listener = Listener::tcp().unwrap();
        prepare(&home, &listener.address().unwrap());
        let began = Instant::now();
        let mut signer = start(&home);
        let mut node = listener.accept(Duration::from_secs(5)).unwrap();
        vote(&mut node, &Maker::new(chain_id()), &mut 0);
        times.push(began.elapsed());
        let mut number = 1;
        (0..200).for_each(|_| vote(&mut node, &Maker::new(chain_id()), &mut number));
        resident = resident.max(resident_kib(signer.id()));
        signer.kill().unwrap();
        signer.wait().unwrap();
    }
    times.sort();
    let median = times[times.len() / 2].as_secs_f64() * 1000.0;
    println!(
        "\nstart to first signature over tcp: {median:.1} ms median of {} (target 10)",
        times.len()
    );
    println!(
        "resident memory with one chain: {:.1} MB (target 8)",
        resident as f64 / 1024.0
    );
}

fn prepare(home: &Path, address: &Address) {
    for name in ["consensus.key", "identity.key"] {
        let (_, text) = SoftKey::generate(KeyType::Ed25519).unwrap();
        tmkms::secret_file::create(&home.join(name), &text).unwrap();
    }
    let config = format!(
        "[[chain]]\nid = \"bench-1\"\nstate_file = \"state.json\"\nallow_ephemeral_state = true\n\
         [[validator]]\nchain_id = \"bench-1\"\naddr = \"{address}\"\nsecret_key = \"identity.key\"\n\
         [[providers.softsign]]\nchain_ids = [\"bench-1\"]\npath = \"consensus.key\"\n"
    );
    fs::write(home.join("tmkms.toml"), config).unwrap();
    let done = program(home)
        .args(["state", "init", "bench-1", "--never-signed"])
        .status()
        .unwrap();
    assert!(done.success());
}

fn start(home: &Path) -> Child {
    pin(SIGNER);
    let child = program(home).arg("start").spawn().unwrap();
    pin(NODE);
    child
}

fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tmkms"));
    command
        .current_dir(home)
        .env_remove("TMKMS_CONFIG_FILE")
        .stderr(Stdio::null());
    command
}

fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// A store that costs nothing.
#[derive(Default)]
struct Free(Option<tmkms::gate::store::Record>);

impl Store for Free {
    fn load(&mut self) -> Result<tmkms::gate::store::Loaded, tmkms::gate::store::StoreError> {
        let record = self.write(&Watermark::Never, Origin::Begun, Duration::ZERO);
        Ok(tmkms::gate::store::Loaded {
            record,
            damage: None,
            notice: None,
        })
    }

    fn persist(
        &mut self,
        _: u64,
        next: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<tmkms::gate::store::Record, tmkms::gate::store::StoreError> {
        Ok(self.write(next, origin, now))
    }

    fn rebuild(
        &mut self,
        next: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<tmkms::gate::store::Record, tmkms::gate::store::StoreError> {
        Ok(self.write(next, origin, now))
    }

    fn close(&mut self) -> Result<(), tmkms::gate::store::StoreError> {
        Ok(())
    }
}

impl Free {
    fn write(
        &mut self,
        next: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> tmkms::gate::store::Record {
        let sequence = self.0.as_ref().map_or(1, |record| record.sequence + 1);
        let record = tmkms::gate::store::Record {
            sequence,
            watermark: next.clone(),
            origin,
            written: now,
        };
        self.0 = Some(record.clone());
        record
    }
}
