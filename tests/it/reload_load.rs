//! A hundred chains vote ten times a second each while a thousand reloads, asked for one upon the other, add, remove and change
//! others: no vote is lost, nothing is left behind, and the ratio of their times is printed. It is not asserted: on a machine with other work it says more
//! of that work. `cargo test --test it reload_load:: -- --ignored --nocapture`.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE};
use crate::support::load;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::messages::Maker;
use tmkms::observe::serve::control::tell_reload;
use tmkms::threads::ReloadAnswer;

const CHAINS: usize = 100;
const RELOADS: usize = 1_000;
/// So many reloads, and then as long without any.
const PHASE: usize = 50;
/// Between two votes of a chain.
const PACE: Duration = Duration::from_millis(100);

#[test]
#[ignore = "takes minutes"]
fn a_hundred_chains_vote_beside_a_thousand_reloads() {
    let home = Home::new(&[]);
    let (listeners, steady) = load::chains(&home, CHAINS);
    let (guest, guest_section) = load::chain(&home, "guest");
    let changed = guest_section.clone().set("max_gap = 7").to_string();
    let guest_section = guest_section.to_string();
    let texts = [
        format!("{steady}{guest_section}"),
        format!("{steady}{changed}"),
        steady.clone(),
        format!("{guest_section}{steady}[log]\nlevel = \"warn\"\n"),
    ];
    home.configure(&steady);
    let service = home.start();
    let socket = home.path().join("tmkms.sock");
    let (phase, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (phase, stop) = (&phase, &stop);
    let seen = || (service.threads(), service.descriptors(), service.resident());
    let (times, before, after, took) = thread::scope(|scope| {
        let ends = load::Ends(stop);
        let nodes: Vec<_> = listeners
            .iter()
            .enumerate()
            .map(|(number, listener)| {
                scope.spawn(move || {
                    let mut node = listener.accept(PATIENCE).unwrap();
                    let maker = Maker::new(format!("load-{number}").parse().unwrap());
                    let mut times = Vec::new();
                    for height in 1.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let now = phase.load(Ordering::Relaxed);
                        let began = Instant::now();
                        let request = maker.prevote(height, 0, Some(1), height);
                        // The link is the one of the start, and each vote is answered.
                        let answer = node.ask(&Ask::Sign(request)).unwrap();
                        times.push((now, began.elapsed()));
                        assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
                        thread::sleep(PACE.saturating_sub(began.elapsed()));
                    }
                    times
                })
            })
            .collect();
        let guests = scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let Ok(mut node) = guest.accept(Duration::from_secs(1)) else {
                    continue;
                };
                while node.ask(&Ask::Ping).is_ok() && !stop.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(20));
                }
            }
        });
        let reload = |number: usize| {
            let text = &texts[number % texts.len()];
            let half = home.path().join("tmkms.toml.new");
            fs::write(&half, text).unwrap();
            fs::rename(&half, home.path().join("tmkms.toml")).unwrap();
            let answer = tell_reload(&home.path().join("tmkms.toml"), &socket).unwrap();
            let ReloadAnswer::Done { changes, troubles } = answer else {
                panic!("{answer:?}");
            };
            assert_eq!(troubles, [""; 0]);
            assert!(!changes.is_empty());
        };
        service.wait_for_log("[load-99] armed");
        thread::sleep(Duration::from_secs(2));
        // Once around, so that what is made once is there.
        (0..texts.len()).for_each(reload);
        thread::sleep(Duration::from_secs(2));
        let before = seen();
        let mut took = Duration::ZERO;
        for part in 0..RELOADS / PHASE {
            phase.store(2 * part + 1, Ordering::Relaxed);
            let began = Instant::now();
            (0..PHASE).for_each(|number| reload(part * PHASE + number));
            took += began.elapsed();
            phase.store(2 * part + 2, Ordering::Relaxed);
            thread::sleep(began.elapsed());
        }
        // To the text that `before` was seen with.
        (RELOADS % texts.len()..texts.len()).for_each(reload);
        thread::sleep(Duration::from_secs(2));
        let after = seen();
        drop(ends);
        guests.join().unwrap();
        let times: Vec<Vec<_>> = nodes.into_iter().map(|node| node.join().unwrap()).collect();
        (times, before, after, took)
    });
    let ratios = load::ratios(
        &times,
        (0..RELOADS / PHASE).map(|part| (2 * part + 1, 2 * part + 2)),
    );
    eprintln!(
        "{} votes, none lost; {RELOADS} reloads, one every {:.0} ms; p99 beside reloads / without: {:.2} (median of {ratios:.2?}); \
         threads, descriptors, resident KiB: {before:?} before, {after:?} after",
        times.iter().flatten().count(),
        took.as_secs_f64() * 1_000.0 / RELOADS as f64,
        ratios[ratios.len() / 2],
    );
    assert_eq!(
        (before.0, before.1),
        (after.0, after.1),
        "threads and descriptors"
    );
    // The last heights of a hundred chains, which the page shows, are kept meanwhile.
    assert!(
        after.2 < before.2 + 4_096,
        "KiB: {} and {}",
        before.2,
        after.2
    );
}
