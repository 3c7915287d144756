//! One node: it asks for conflicting votes at each position, and records what it gets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tmkms::consensus::PublicKey;
use tmkms::harness::Listener;
use tmkms::harness::probe::{Patience, Probe, Trouble};
use tmkms::harness::reply::{KeyReply, Reply, public_key_request};
use tmkms::harness::test_message::{PRECOMMIT, PREVOTE, TestMessage, Time};

use crate::rig::CHAIN;

/// What both nodes got.
#[derive(Default)]
pub struct Record {
    together: Duration,
    /// By position: the bytes that a valid signature was given for, and where it was seen first.
    signed: Mutex<BTreeMap<u64, (Vec<u8>, usize)>>,
    pub counts: [Counts; 2],
    pub violations: Mutex<Vec<String>>,
    /// The highest position that anybody asked for.
    front: AtomicU64,
    pub enough: AtomicBool,
    pub slowest: Mutex<Duration>,
}

#[derive(Default)]
pub struct Counts {
    pub asked: AtomicU64,
    pub signed: AtomicU64,
    pub conflicts: AtomicU64,
    pub other_refusals: AtomicU64,
    pub silent: AtomicU64,
}

impl Record {
    /// Of nodes that stay so long at a position for the other one to come there, too.
    pub fn of_nodes_that_stay(together: Duration) -> Self {
        Self {
            together,
            ..Self::default()
        }
    }

    pub fn asked(&self) -> u64 {
        let asked = |counts: &Counts| counts.asked.load(Ordering::Relaxed);
        self.counts.iter().map(asked).sum()
    }

    /// Requests that the rule decided: signed, or refused as conflicts. The others met a fault and prove little.
    pub fn decided(&self) -> u64 {
        let decided = |counts: &Counts| {
            counts.signed.load(Ordering::Relaxed) + counts.conflicts.load(Ordering::Relaxed)
        };
        self.counts.iter().map(decided).sum()
    }

    fn note(&self, position: u64, bytes: Vec<u8>, side: usize) {
        let mut signed = self.signed.lock().expect("the record");
        match signed.get(&position) {
            None => {
                signed.insert(position, (bytes, side));
            }
            Some((known, first)) if *known != bytes => {
                let text = format!(
                    "height {} step {}: node {first} and node {side} have signatures over different bytes",
                    position / 2,
                    position % 2 + 2
                );
                self.violations.lock().expect("the record").push(text);
            }
            Some(_) => {}
        }
    }
}

/// Asks until there is enough.
pub fn run(side: usize, socket: PathBuf, record: &Record) {
    let listener = Listener::unix(&socket).expect("a socket");
    let patience = Patience {
        answer: Duration::from_secs(5),
        dial: Duration::from_secs(5),
    };
    let mut probe = Probe::new(listener, patience);
    let mut key = None;
    let mut own = 0;
    while !record.enough.load(Ordering::Relaxed) {
        let Some(known) = &key else {
            key = public_key(&mut probe);
            continue;
        };
        // Both nodes ask for the same positions, unless one of them hangs.
        let position = record.front.load(Ordering::Relaxed).max(own + 1);
        record.front.fetch_max(position, Ordering::Relaxed);
        own = position;
        // Four blocks, of which each node would rather have another: all conflict, and both ask for all.
        for turn in 0..4 {
            let block = (turn + 2 * u8::try_from(side).expect("a node")) % 4 + 1;
            ask(side, block, position, &mut probe, known, record);
        }
        wait_for_the_other(position, record);
        record.front.fetch_max(position + 1, Ordering::Relaxed);
    }
}

/// A moment in which the other node may come to the same position.
fn wait_for_the_other(position: u64, record: &Record) {
    let until = Instant::now() + record.together;
    while record.front.load(Ordering::Relaxed) <= position && Instant::now() < until {
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn public_key(probe: &mut Probe) -> Option<PublicKey> {
    match probe.ask(&public_key_request(CHAIN)) {
        Ok(Reply::PublicKey(KeyReply {
            old: Some((_, bytes)),
            ..
        })) => PublicKey::from_bytes("ed25519", &bytes).ok(),
        _ => None,
    }
}

fn ask(side: usize, block: u8, position: u64, probe: &mut Probe, key: &PublicKey, record: &Record) {
    let ballot = TestMessage {
        chain_id: CHAIN.to_owned(),
        kind: if position.is_multiple_of(2) {
            PREVOTE
        } else {
            PRECOMMIT
        },
        height: i64::try_from(position / 2).expect("a height"),
        round: 0,
        pol_round: -1,
        block: Some(block),
        time: Time {
            seconds: 1_700_000_000 + i64::try_from(side).expect("a node"),
            nanos: block.into(),
        },
        extension: Vec::new(),
        skip: true,
    };
    let counts = &record.counts[side];
    let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
    match probe.timed(&ballot.request(&[1; 20])) {
        Err(Trouble::Nobody { .. }) => {}
        Err(_) => {
            count(&counts.asked);
            count(&counts.silent);
        }
        Ok((reply, took)) => {
            count(&counts.asked);
            let mut slowest = record.slowest.lock().expect("the record");
            *slowest = took.max(*slowest);
            drop(slowest);
            match reply {
                Reply::Signed(signed) => {
                    let bytes = ballot.sign_bytes(signed.time);
                    let signature = ed25519_consensus::Signature::try_from(&signed.signature[..]);
                    let verified = ed25519_consensus::VerificationKey::try_from(key.as_bytes())
                        .ok()
                        .zip(signature.ok())
                        .is_some_and(|(key, signature)| key.verify(&signature, &bytes).is_ok());
                    match verified {
                        true => {
                            count(&counts.signed);
                            record.note(position, bytes, side);
                        }
                        false => record.violations.lock().expect("the record").push(format!(
                            "position {position}: a signature over other bytes than asked"
                        )),
                    }
                }
                Reply::Refused { words, .. } if words.contains("conflict") => {
                    count(&counts.conflicts);
                }
                _ => {
                    count(&counts.other_refusals);
                    // What failed comes back no sooner for being asked without a pause.
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }
}
