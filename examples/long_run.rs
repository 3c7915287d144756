//! 10,000 reconnects and 1,000,000 votes against the release build of the program: no growth of memory, descriptors or
//! threads. Prints a table; the last result stands in docs/proof.md.
//!
//! `just long-run`, or `cargo build --release && cargo run --release --example long_run`. Takes some ten minutes. Three
//! numbers as arguments are another plan: nodes, visits of each node, votes at each visit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a test in all but name"
)]

#[path = "../tests/it/support/chain.rs"]
mod chain;
#[path = "../tests/it/harness/home.rs"]
mod home;
#[path = "../tests/it/harness/long_run.rs"]
mod long_run;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use long_run::{Plan, Sample};

const USUAL: Plan = Plan {
    nodes: 40,
    visits: 250,
    votes: 100,
};
/// How much more memory the last tenth may hold than the second one, in KiB. 512 are the queue of the log, whose 16,384
/// places are touched one by one until it comes round for the first time; the rest is the allocator's.
const SLACK: usize = 512 + 256;

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .map(|text| text.parse().unwrap())
        .collect();
    let plan = match numbers[..] {
        [nodes, visits, votes] => Plan {
            nodes,
            visits,
            votes,
        },
        _ => USUAL,
    };
    let program = std::env::current_exe().unwrap();
    let program = program.parent().unwrap().parent().unwrap().join("tmkms");
    let folder = std::env::temp_dir().join(format!("tmkms-long-run-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let step = plan.nodes * plan.visits / 10;
    let shown = AtomicUsize::new(0);
    println!(
        "{:>10} {:>10} {:>8} {:>14} {:>12} {:>8}",
        "RECONNECTS", "VOTES", "SECONDS", "RESIDENT KiB", "DESCRIPTORS", "THREADS"
    );
    let seen = |sample: &Sample| {
        if sample.links >= step * shown.load(Ordering::SeqCst) {
            shown.fetch_add(1, Ordering::SeqCst);
            row(sample);
        }
    };
    let samples = long_run::run(&program, &folder, plan, &seen);
    std::fs::remove_dir_all(&folder).unwrap();
    let (early, late) = long_run::compare(&samples);
    println!("second tenth: {early:?}\nlast tenth:   {late:?}");
    let grew = late.threads > early.threads
        || late.descriptors > early.descriptors + long_run::CHANCE
        || late.resident > early.resident + SLACK;
    println!("{}", if grew { "IT GREW" } else { "no growth" });
    ExitCode::from(u8::from(grew))
}

fn row(sample: &Sample) {
    println!(
        "{:>10} {:>10} {:>8.0} {:>14} {:>12} {:>8}",
        sample.links,
        sample.votes,
        sample.after.as_secs_f64(),
        sample.held.resident,
        sample.held.descriptors,
        sample.held.threads
    );
}
