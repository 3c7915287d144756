//! Forty chains vote ten times a second each, in turns without `rpc` and with three nodes that hang, drip, and answer a gibibyte: each
//! vote is signed, and the ratio of their times is printed. It is not asserted: on a machine with other work it says more of that work.
//! Takes a minute and a half: `cargo test --test it rpc_load:: -- --ignored --nocapture`; of a release build where that lies at
//! `target/debug/tmkms`.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::fake_rpc::{FakeRpc, Mood};
use crate::support::home::{Home, PATIENCE};
use crate::support::load;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::messages::Maker;
use tmkms::observe::serve::control::tell_reload;
use tmkms::threads::ReloadAnswer;

const CHAINS: usize = 40;
const PAIRS: usize = 11;
const PHASE: Duration = Duration::from_secs(3);
/// What a reload itself costs is none of it.
const SETTLE: Duration = Duration::from_millis(700);
/// Between two votes of a chain.
const PACE: Duration = Duration::from_millis(100);
/// A vote that began while nothing is measured.
const UNCOUNTED: usize = 0;

#[test]
#[ignore = "takes a minute and a half"]
fn votes_beside_nodes_that_hang_drip_and_flood() {
    let home = Home::new(&[]);
    let (listeners, without) = load::chains(&home, CHAINS);
    let nodes = [Mood::Silent, Mood::Drips, Mood::Floods]
        .map(|mood| FakeRpc::start(home.key.clone(), mood));
    let urls = nodes.each_ref().map(FakeRpc::url);
    let with = without.replace("[[chain]]\n", &format!("[[chain]]\nrpc = {urls:?}\n"));
    home.configure(&without);
    let service = home.start();
    let socket = home.path().join("tmkms.sock");
    let (phase, stop) = (AtomicUsize::new(UNCOUNTED), AtomicBool::new(false));
    let (phase, stop) = (&phase, &stop);
    let times: Vec<Vec<load::Vote>> = thread::scope(|scope| {
        let ends = load::Ends(stop);
        let votes: Vec<_> = listeners
            .iter()
            .enumerate()
            .map(|(number, listener)| {
                scope.spawn(move || {
                    let mut node = listener.accept(PATIENCE).unwrap();
                    let maker = Maker::new(format!("load-{number}").parse().unwrap());
                    let mut times = Vec::new();
                    thread::sleep(PACE * number as u32 / CHAINS as u32);
                    for height in 1.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let now = phase.load(Ordering::Relaxed);
                        let began = Instant::now();
                        let request = maker.prevote(height, 0, Some(1), height);
                        let answer = node.ask(&Ask::Sign(request)).unwrap();
                        times.push((now, began.elapsed()));
                        assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
                        thread::sleep(PACE.saturating_sub(began.elapsed()));
                    }
                    times
                })
            })
            .collect();
        service.wait_for_log(&format!("[load-{}] armed", CHAINS - 1));
        let follow = |text: &str| {
            let half = home.path().join("tmkms.toml.new");
            fs::write(&half, text).unwrap();
            fs::rename(&half, home.path().join("tmkms.toml")).unwrap();
            let answer = tell_reload(&home.path().join("tmkms.toml"), &socket).unwrap();
            assert!(matches!(answer, ReloadAnswer::Done { .. }), "{answer:?}");
            thread::sleep(SETTLE);
        };
        thread::sleep(PHASE);
        for pair in 0..PAIRS {
            // Which of the two comes first changes from pair to pair.
            for asked in [pair % 2 == 0, pair % 2 == 1] {
                follow(if asked { &with } else { &without });
                phase.store(2 * pair + 1 + usize::from(asked), Ordering::Relaxed);
                thread::sleep(PHASE);
                phase.store(UNCOUNTED, Ordering::Relaxed);
            }
        }
        drop(ends);
        votes
            .into_iter()
            .map(|votes| votes.join().unwrap())
            .collect()
    });
    let ratios = load::ratios(&times, (0..PAIRS).map(|pair| (2 * pair + 2, 2 * pair + 1)));
    let heard: Vec<usize> = nodes
        .iter()
        .map(|node| node.chain.lock().unwrap().heard.len())
        .collect();
    assert!(heard.iter().all(|heard| *heard > PAIRS), "{heard:?}");
    eprintln!(
        "{} votes, none lost; questions to the three nodes: {heard:?}; p99 with nodes that hang / without `rpc`: {:.2} (median of {ratios:.2?})",
        times.iter().flatten().count(),
        ratios[ratios.len() / 2]
    );
}
