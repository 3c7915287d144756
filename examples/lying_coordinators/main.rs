//! Two coordinators that lie as they like, against members that sign together (W18): `cargo run --release --example
//! lying_coordinators -- --requests 1000000 --seed 1`.
//!
//! The members are the program's own: its gates, chains, shares and what it answers other members; only clock and disk are
//! played. After each answer a judge looks whether anything came of it that must not be. Then the same judge looks at members
//! with one mistake each, which it has to catch.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a test in all but name"
)]

mod judge;
mod liar;
mod loose;
mod random;
mod world;

use std::time::Instant;

use liar::Siege;
use loose::Members;

fn argument(name: &str) -> Option<u64> {
    let mut all = std::env::args().skip_while(|argument| argument != name);
    all.nth(1).and_then(|text| text.parse().ok())
}

fn main() {
    let requests = argument("--requests").unwrap_or(1_000_000);
    let seed = argument("--seed").unwrap_or(1);
    let shapes = [(2, 3), (3, 4), (3, 5)];
    for (place, (threshold, members)) in (0..).zip(shapes) {
        let share = requests / 3 + u64::from(place < requests % 3);
        let began = Instant::now();
        let mut siege = Siege::of(threshold, members, Members::AsTheyAre, seed);
        let held = siege.run(share);
        println!(
            "{threshold} of {members}: {} in {:.1} s",
            siege.seen(),
            began.elapsed().as_secs_f64()
        );
        if let Err(broken) = held {
            println!(
                "BROKEN after {} requests: {broken:?}",
                siege.seen().requests
            );
            std::process::exit(1);
        }
        assert!(siege.seen().is_worth_it(), "nothing happened in it");
    }
    println!("conflicts: 0, nonces used twice: 0, shares of anything but the watermark: 0");
    let blind = (Members::NotDurable, loose::is_conflict as loose::IsIt);
    let controls = loose::CONTROLS.map(|control| (control, false));
    for ((members, is_it), is_blind) in controls.into_iter().chain([(blind, true)]) {
        let mut siege = Siege::of(2, 3, members, seed);
        if is_blind {
            siege = siege.without_disks();
        }
        let broken = siege
            .run(100_000)
            .expect_err("a mistake that was not caught");
        assert!(is_it(&broken), "{members:?} was caught as {broken:?}");
        println!(
            "members with a mistake ({members:?}): caught after {} requests: {broken:?}",
            siege.seen().requests
        );
    }
}
