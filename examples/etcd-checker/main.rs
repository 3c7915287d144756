//! Two signers, one key, one etcd of three real members; each signer is asked by a node of its own, for votes that
//! conflict, while members and signers are killed and stopped and the wires between them are cut. Afterwards no position
//! may have two byte strings under valid signatures.
//!
//! ```text
//! cargo run --release --example etcd-checker -- --etcd ETCD --tmkms target/release/tmkms --requests 200000
//! cargo run --release --example etcd-checker -- --etcd ETCD --control      must find double signs, or fails
//! cargo run --release --example etcd-checker -- --etcd ETCD --tmkms target/release/tmkms --requests 1000 --lost-replies
//! cargo run --release --example etcd-checker -- --etcd ETCD --tmkms target/release/tmkms --steps
//! cargo run --release --example etcd-checker -- --etcd ETCD --tmkms target/release/tmkms --cost 2000 [--far]
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::exit,
    missing_docs
)]

mod careless;
mod cost;
mod faults;
mod proxy;
mod rig;
mod side;
mod steps;
mod strace;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Parser;

use faults::{Random, inject};
use proxy::Wire;
use rig::Rig;
use side::Record;

#[derive(Parser)]
struct Arguments {
    /// The etcd to run three of
    #[arg(long)]
    etcd: PathBuf,
    /// The tmkms to run two of
    #[arg(long, default_value = "target/release/tmkms")]
    tmkms: PathBuf,
    /// How many requests of both nodes together must be signed or refused as conflicts
    #[arg(long, default_value_t = 20_000)]
    requests: u64,
    /// The longest that it may take, in seconds
    #[arg(long, default_value_t = 3_600)]
    seconds: u64,
    /// Repeat the faults of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Check signers that take a time-out for "not applied": succeeds when it finds what they do
    #[arg(long)]
    control: bool,
    /// No other faults than replies of etcd that a signer does not hear, as with --control, while both nodes stay together
    #[arg(long)]
    lost_replies: bool,
    /// Instead: SIGKILL at every system call of a vote; needs strace
    #[arg(long)]
    steps: bool,
    /// Instead: what a vote costs against a bare put, so many of each
    #[arg(long)]
    cost: Option<i64>,
    /// With --cost: the members are a millisecond from each other, each way, as at three sites
    #[arg(long, requires = "cost")]
    far: bool,
    /// No faults: to compare
    #[arg(long)]
    quiet: bool,
    /// Keep the logs here
    #[arg(long)]
    keep: Option<PathBuf>,
}

fn main() {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some("careless-signer") {
        let args: Vec<String> = args.collect();
        return careless::run(args[0].as_ref(), &args[1], &args[2..]);
    }
    let arguments = Arguments::parse();
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = arguments
        .keep
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder).expect("a folder");
    let seed = arguments.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).expect("a clock");
        since.as_secs() | 1
    });
    println!("seed {seed}");
    let mut rig = Rig::build(
        &arguments.etcd,
        &arguments.tmkms,
        &folder,
        arguments.control,
        arguments.cost.is_some(),
    );
    if let Some(number) = arguments.cost {
        if arguments.far {
            rig.peers.iter().for_each(|peer| peer.set(Wire::Far));
        }
        return cost::run(&mut rig, number);
    }
    if arguments.steps {
        return steps::run(&mut rig);
    }
    // What careless signers do shows where the other node is still at the position whose reply was lost.
    let lost_replies = arguments.control || arguments.lost_replies;
    let together = Duration::from_millis(if lost_replies { 1_000 } else { 2 });
    let record = Record::of_nodes_that_stay(together);
    let began = Instant::now();
    let done = std::thread::scope(|scope| {
        for side in 0..2 {
            let (socket, record) = (rig.sockets[side].clone(), &record);
            scope.spawn(move || side::run(side, socket, record));
        }
        std::thread::sleep(Duration::from_millis(100));
        rig.signers.iter_mut().for_each(rig::Process::start);
        let (record, arguments) = (&record, &arguments);
        scope.spawn(move || {
            while !record.enough.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(200));
                let found = arguments.control && !record.violations.lock().unwrap().is_empty();
                let enough = record.decided() >= arguments.requests
                    || began.elapsed() >= Duration::from_secs(arguments.seconds)
                    || found;
                record.enough.store(enough, Ordering::Relaxed);
            }
        });
        match arguments.quiet {
            true => Default::default(),
            false => inject(&mut rig, &mut Random(seed), record, lost_replies),
        }
    });
    report(&record, &done, began.elapsed());
    let violations = record.violations.lock().unwrap();
    for violation in violations.iter().take(10) {
        println!("DOUBLE SIGN: {violation}");
    }
    let signed: u64 = record
        .counts
        .iter()
        .map(|counts| counts.signed.load(Ordering::Relaxed))
        .sum();
    let good = match arguments.control {
        true => !violations.is_empty(),
        false => {
            violations.is_empty()
                && record.decided() >= arguments.requests
                && signed > record.decided() / 10
        }
    };
    println!(
        "{}",
        match (good, arguments.control) {
            (true, false) => "no position has two byte strings",
            (true, true) => "the negative control was caught",
            (false, true) => "FAILED: the negative control was not caught",
            (false, false) => "FAILED",
        }
    );
    drop(rig);
    if !good {
        std::process::exit(1);
    }
}

fn report(record: &Record, done: &std::collections::BTreeMap<String, u64>, took: Duration) {
    for (side, counts) in record.counts.iter().enumerate() {
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        println!(
            "node {side}: {} asked, {} signed, {} refused as conflicts, {} refused otherwise, {} without an answer",
            count(&counts.asked),
            count(&counts.signed),
            count(&counts.conflicts),
            count(&counts.other_refusals),
            count(&counts.silent),
        );
    }
    for (name, times) in done {
        println!("{times:6}  {name}");
    }
    println!(
        "{} requests, {} of them decided, in {} s, slowest answer {:.2} s",
        record.asked(),
        record.decided(),
        took.as_secs(),
        record.slowest.lock().unwrap().as_secs_f64()
    );
}
