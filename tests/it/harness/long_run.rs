//! Many reconnects and many votes against the real program, and what it holds meanwhile. Used by the test
//! `harness_long_run` and by the example `long_run`.
#![allow(dead_code, reason = "each user takes a part of this")]

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::PublicKey;
use tmkms::harness::messages::Maker;
use tmkms::harness::{Listener, Node};
use tmkms::request::SignRequest;

use super::home::{Held, Home, held};

const CHAIN: &str = "harness-long-run";
const PATIENCE: Duration = Duration::from_secs(30);
/// Positions of one height: prevotes and precommits of 9,000 rounds.
const HEIGHT: usize = 18_000;

/// What is done: each node is visited so many times, with so many votes each time.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub nodes: usize,
    pub visits: usize,
    pub votes: usize,
}

/// What the service held after a visit.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub links: usize,
    pub votes: usize,
    pub after: Duration,
    pub held: Held,
}

/// The state of all nodes together.
struct World {
    maker: Maker,
    key: PublicKey,
    process: u32,
    began: Instant,
    links: AtomicUsize,
    /// The next position, and what was seen; held while a node votes, because positions must not overtake each other.
    turn: Mutex<(usize, Vec<Sample>)>,
}

/// Half of the nodes listen at tcp, half at Unix sockets. Every signature is verified; each seventh link ends with a
/// request under way.
pub fn run(
    program: &Path,
    folder: &Path,
    plan: Plan,
    seen: &(dyn Fn(&Sample) + Sync),
) -> Vec<Sample> {
    let listeners: Vec<Listener> = (0..plan.nodes)
        .map(|index| match index % 2 {
            0 => Listener::tcp().unwrap(),
            _ => Listener::unix(&folder.join(format!("{index}.sock"))).unwrap(),
        })
        .collect();
    let addresses: Vec<String> = listeners
        .iter()
        .map(|listener| listener.address().unwrap().to_string())
        .collect();
    let home = Home::new(program, folder, CHAIN, &addresses);
    let service = home.start();
    let world = World {
        maker: Maker::new(CHAIN.parse().unwrap()),
        key: home.key,
        process: service.id(),
        began: Instant::now(),
        links: AtomicUsize::new(0),
        turn: Mutex::new((0, Vec::new())),
    };
    thread::scope(|scope| {
        for listener in listeners {
            let world = &world;
            // Its end ends the listener, too: nobody waits there for a visit that does not come.
            scope.spawn(move || {
                for visit in 0..plan.visits {
                    world.visit(&listener, visit, plan.votes, seen);
                }
            });
        }
    });
    drop(service);
    world.turn.into_inner().unwrap().1
}

impl World {
    fn visit(
        &self,
        listener: &Listener,
        visit: usize,
        votes: usize,
        seen: &(dyn Fn(&Sample) + Sync),
    ) {
        let mut node = self.accept(listener);
        let links = self.links.fetch_add(1, Ordering::SeqCst) + 1;
        let mut turn = self.turn.lock().unwrap();
        for _ in 0..votes {
            self.vote(&mut node, turn.0);
            turn.0 += 1;
        }
        if visit % 7 == 6 {
            node.send(&Ask::Sign(self.position(turn.0))).unwrap();
            turn.0 += 1;
        }
        let sample = Sample {
            links,
            votes: turn.0,
            after: self.began.elapsed(),
            held: held(self.process),
        };
        seen(&sample);
        turn.1.push(sample);
    }

    /// The signer of this run: another test's may still dial a port that was its node's before.
    fn accept(&self, listener: &Listener) -> Node {
        for _ in 0..100 {
            let mut node = listener.accept(PATIENCE).unwrap();
            match node.ask(&Ask::PublicKey(CHAIN.to_owned())) {
                Ok(Answer::PublicKey(key)) if key == self.key => return node,
                _ => {}
            }
        }
        panic!("a hundred signers of other tests")
    }

    fn position(&self, number: usize) -> SignRequest {
        let height = i64::try_from(1 + number / HEIGHT).unwrap();
        let round = i32::try_from(number % HEIGHT / 2).unwrap();
        match number % 2 {
            0 => self.maker.prevote(height, round, Some(1), height),
            _ => self
                .maker
                .precommit(height, round, Some(1), height, b"extension"),
        }
    }

    fn vote(&self, node: &mut Node, number: usize) {
        let request = self.position(number);
        let bytes = request.sign_bytes();
        match node.ask(&Ask::Sign(request)).unwrap() {
            Answer::Signed { signature, .. } => {
                assert!(
                    self.key.verify(bytes.as_slice(), &signature),
                    "vote {number}"
                );
            }
            other => panic!("vote {number}: {other:?}"),
        }
    }
}

/// What was held in the second tenth of the samples, when every node has dialled several times, and in the last tenth:
/// the most of memory and threads, and of descriptors the least, because how many links are up at a time is chance and
/// a descriptor left behind raises the floor.
pub fn compare(samples: &[Sample]) -> (Held, Held) {
    let tenth = samples.len() / 10;
    let of = |samples: &[Sample]| {
        let all = || samples.iter().map(|sample| sample.held);
        Held {
            resident: all().map(|held| held.resident).max().unwrap(),
            descriptors: all().map(|held| held.descriptors).min().unwrap(),
            threads: all().map(|held| held.threads).max().unwrap(),
        }
    };
    (
        of(&samples[tenth..2 * tenth]),
        of(&samples[samples.len() - tenth..]),
    )
}

/// How many descriptors the floor may rise: two links more that happen to be up, each with its closer.
pub const CHANCE: usize = 4;
