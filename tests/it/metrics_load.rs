//! A hundred chains vote while Prometheus scrapes: each scrape is complete, each vote is signed, and the ratio of their times
//! is printed. It is not asserted: on a machine with other work it says more of that work.
//! Takes half a minute: `cargo test --test it metrics_load:: -- --ignored --nocapture`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::chain::Chain;
use crate::support::home::{Home, PATIENCE};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::codec::node::{Answer, Ask};
use tmkms::gate::store::file::{FileStore, StateFile};
use tmkms::gate::watermark::Watermark;
use tmkms::harness::Listener;
use tmkms::harness::messages::Maker;
use tmkms::os::clock::{Clock, SystemClock};

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

fn p99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[test]
#[ignore = "takes half a minute"]
fn a_hundred_chains_vote_beside_complete_scrapes() {
    let home = Home::new(&[]);
    let mut config = "[metrics]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    let mut listeners = Vec::new();
    for number in 0..CHAINS {
        let (key, text) = SoftKey::generate(Default::default()).unwrap();
        let file = |end: &str| home.path().join(format!("{number}.{end}"));
        tmkms::secret_file::create(&file("key"), &text).unwrap();
        let place = StateFile {
            chain_id: format!("load-{number}").parse().unwrap(),
            public_key: key.public_key(),
            path: file("json"),
            allow_ephemeral: true,
            scopes: Default::default(),
            shared: false,
            commands: Default::default(),
        };
        FileStore::create(&place, &Watermark::Never, SystemClock.now().wall).unwrap();
        let listener = Listener::unix(&file("sock")).unwrap();
        let section = Chain::with_state(&format!("load-{number}"), &format!("{number}.json"))
            .node(listener.address().unwrap())
            .key(&format!("{number}.key"));
        config.push_str(&section.to_string());
        listeners.push(listener);
    }
    fs::write(home.path().join("tmkms.toml"), config).unwrap();
    let service = home.start();
    let words = "a status page at http://";
    service.wait_for_log(words);
    let log = service.log();
    let address = log.split(words).nth(1).unwrap().split('/').next().unwrap();

    // Phases without and with scrapes, in turns; a vote belongs to the phase in which it began.
    let (phase, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (phase, stop) = (&phase, &stop);
    /// The nodes end, too, when this thread panics.
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let scrapes = AtomicUsize::new(0);
    let scrapes = &scrapes;
    let times: Vec<Vec<(usize, Duration)>> = thread::scope(|scope| {
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
        let ends = Ends(stop);
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
    let of = |wanted: usize| -> Vec<Duration> {
        let votes = times.iter().flatten();
        votes
            .filter(|(phase, _)| *phase == wanted)
            .map(|(_, time)| *time)
            .collect()
    };
    // Each phase with scrapes is compared with the one before it, so that a machine that changes its pace changes both.
    let mut ratios: Vec<f64> = (1..PHASES)
        .step_by(2)
        .map(|quiet| {
            let (without, with) = (p99(&mut of(quiet)), p99(&mut of(quiet + 1)));
            with.as_secs_f64() / without.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    eprintln!(
        "{} votes, {} scrapes; p99 beside scrapes / without: {ratio:.2} (median of {ratios:.2?})",
        times.iter().flatten().count(),
        scrapes.load(Ordering::Relaxed)
    );
}
