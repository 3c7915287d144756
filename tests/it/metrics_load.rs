//! A hundred chains vote while Prometheus scrapes: each scrape is complete, each vote is signed, and the ratio of their times
//! is printed. It is not asserted: on a machine with other work it says more of that work.
//! Takes half a minute: `cargo test --test it metrics_load:: -- --ignored --nocapture`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE};
use crate::support::load;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::messages::Maker;

const CHAINS: usize = 100;
const PHASES: usize = 20;
const PHASE: Duration = Duration::from_millis(1_200);

fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\n",
        )
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
#[ignore = "takes half a minute"]
fn a_hundred_chains_vote_beside_complete_scrapes() {
    let home = Home::new(&[]);
    let (listeners, sections) = load::chains(&home, CHAINS);
    home.configure(&format!("[metrics]\nlisten = \"127.0.0.1:0\"\n{sections}"));
    let service = home.start();
    let words = "a status page at http://";
    service.wait_for_log(words);
    let log = service.log();
    let address = log.split(words).nth(1).unwrap().split('/').next().unwrap();

    // Phases without and with scrapes, in turns; a vote belongs to the phase in which it began.
    let (phase, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (phase, stop) = (&phase, &stop);
    let scrapes = AtomicUsize::new(0);
    let scrapes = &scrapes;
    let times: Vec<Vec<load::Vote>> = thread::scope(|scope| {
        let nodes: Vec<_> = listeners
            .iter()
            .enumerate()
            .map(|(number, listener)| {
                scope.spawn(move || {
                    let mut node = listener.accept(PATIENCE).unwrap();
                    let maker = Maker::new(format!("load-{number}").parse().unwrap());
                    let mut times = Vec::new();
                    // A block a second and a half, with two votes each: the votes of 100 chains are spread.
                    thread::sleep(Duration::from_millis(15 * number as u64));
                    for height in 1.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let now = phase.load(Ordering::Relaxed);
                        for request in [
                            maker.prevote(height, 0, Some(1), height),
                            maker.precommit(height, 0, Some(1), height, b""),
                        ] {
                            let began = Instant::now();
                            let answer = node.ask(&Ask::Sign(request)).unwrap();
                            times.push((now, began.elapsed()));
                            assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
                        }
                        thread::sleep(Duration::from_millis(500));
                    }
                    times
                })
            })
            .collect();
        let ends = load::Ends(stop);
        thread::sleep(PHASE);
        for number in 1..=PHASES {
            phase.store(number, Ordering::Relaxed);
            let began = Instant::now();
            while began.elapsed() < PHASE {
                if number % 2 == 0 {
                    let text = scrape(address);
                    scrapes.fetch_add(1, Ordering::Relaxed);
                    assert!(text.ends_with("# EOF\n"));
                    for number in 0..CHAINS {
                        assert!(text.contains(&format!(
                            "tmkms_signed_total{{chain_id=\"load-{number}\",type=\"prevote\"}} "
                        )));
                    }
                }
                thread::sleep(Duration::from_millis(500));
            }
        }
        drop(ends);
        nodes.into_iter().map(|node| node.join().unwrap()).collect()
    });
    // Each phase with scrapes beside the one before it.
    let phases = (1..PHASES).step_by(2).map(|quiet| (quiet + 1, quiet));
    let ratios = load::ratios(&times, phases);
    let ratio = ratios[ratios.len() / 2];
    eprintln!(
        "{} votes, {} scrapes; p99 beside scrapes / without: {ratio:.2} (median of {ratios:.2?})",
        times.iter().flatten().count(),
        scrapes.load(Ordering::Relaxed)
    );
}
