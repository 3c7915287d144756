//! What a signature of several members costs, and what it consists of, in one process: `cargo bench --bench cosign`.
//!
//! Ratios are what counts; absolute times are this machine's. Links and disks cost nothing here, so the rest is arithmetic, gates and
//! the threads that play the links.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measurement may end so"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use parking_lot::RwLock;
use tmkms::backends::cosign::{
    Answered, AskedShare, Coordinator, CosignSigner, MadeSignature, Party, PeerAnswer, Peers,
    Serve, ServedAnswer, Serving, ShownNonce, ShownTo, deal,
};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::chain::{Armed, Asker, Chain, Respond};
use tmkms::consensus::{ChainId, KeyType};
use tmkms::gate::raw::self_test;
use tmkms::gate::store::{Loaded, Origin, Record, Store, StoreError};
use tmkms::gate::watermark::Watermark;
use tmkms::gate::{Gate, Settings};
use tmkms::harness::messages::Maker;
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::reply::Reply;
use tmkms::request::{Request, SignRequest};
use tmkms::shares::Quorum;
use tmkms::signer::Signer;

fn chain_id() -> ChainId {
    "bench-1".parse().unwrap()
}

/// A store that costs nothing.
struct Free(Record);

impl Free {
    fn write(&mut self, watermark: &Watermark, origin: Origin, written: Duration) -> Record {
        self.0 = Record {
            sequence: self.0.sequence + 1,
            watermark: watermark.clone(),
            origin,
            written,
        };
        self.0.clone()
    }
}

impl Store for Free {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        Ok(Loaded {
            record: self.0.clone(),
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
    ) -> Result<Record, StoreError> {
        Ok(self.write(next, origin, now))
    }
    fn rebuild(
        &mut self,
        next: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        Ok(self.write(next, origin, now))
    }
    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn gate() -> Gate {
    let record = Record {
        sequence: 1,
        watermark: Watermark::Never,
        origin: Origin::Begun,
        written: SystemClock.now().wall,
    };
    Gate::arm(
        chain_id(),
        Settings::default(),
        Box::new(Free(record)),
        &SystemClock.now(),
    )
    .unwrap()
}

type Asked = (u16, u32, AskedShare, Sender<Answered>);

/// The links of one member, each with a thread, as in the service.
struct Links {
    own: u16,
    all: Arc<RwLock<BTreeMap<u16, Weak<Serving>>>>,
    threads: BTreeMap<u16, Sender<Asked>>,
}

impl Links {
    fn new(own: u16, members: u16, all: &Arc<RwLock<BTreeMap<u16, Weak<Serving>>>>) -> Self {
        let threads = (1..=members).filter(|member| *member != own).map(|member| {
            let (to, asked) = channel::<Asked>();
            let all = all.clone();
            std::thread::spawn(move || {
                for (member, attempt, asked, to) in asked {
                    let serving = all.read().get(&member).and_then(Weak::upgrade);
                    let answer = match serving.map(|serving| serving.serve(from(own), &asked)) {
                        Some(ServedAnswer::Share(share)) => PeerAnswer::Share(share),
                        _ => PeerAnswer::Lost,
                    };
                    let took = Duration::ZERO;
                    let _ = to.send(Answered {
                        attempt,
                        member,
                        answer,
                        took,
                    });
                }
            });
            (member, to)
        });
        Self {
            own,
            all: all.clone(),
            threads: threads.collect(),
        }
    }
}

fn from(member: u16) -> ShownTo {
    ShownTo { member, boot: 1 }
}

impl Peers for Links {
    fn reachable(&self) -> Vec<u16> {
        self.threads.keys().copied().collect()
    }
    fn take_shown(&self, member: u16) -> Option<ShownNonce> {
        self.all
            .read()
            .get(&member)?
            .upgrade()?
            .show(from(self.own))
    }
    fn ask(&self, member: u16, attempt: u32, asked: AskedShare, to: &Sender<Answered>) {
        let _ = self.threads[&member].send((member, attempt, asked, to.clone()));
    }
    // The others hear of it after the reply; it costs a vote nothing.
    fn tell(&self, _: &MadeSignature) {}
}

/// The chain of each member, in the order of their ids.
fn hosts(threshold: u16, members: u16) -> Vec<Arc<Chain>> {
    let all = Arc::new(RwLock::new(BTreeMap::new()));
    let begun = parties(threshold, members).into_iter().map(|party| {
        let party = Arc::new(party);
        let serving = Arc::new(Serving::new(party.clone(), u64::from(party.id())));
        all.write().insert(party.id(), Arc::downgrade(&serving));
        let links = Links::new(party.id(), members, &all);
        let coordinator = Arc::new(Coordinator::new(party.clone(), Arc::new(links)));
        let signer = CosignSigner::new(party, serving, coordinator);
        let chain = Chain::armed(chain_id(), Armed::new(gate(), Arc::new(signer)));
        let chain = Arc::new(chain);
        chain.have_cosigners_ask(&chain);
        chain
    });
    begun.collect()
}

fn parties(threshold: u16, members: u16) -> Vec<Party> {
    let key = SoftKey::from_bytes(&[7; 32], KeyType::Ed25519).unwrap();
    let quorum = Quorum::new(threshold, members).unwrap();
    let shares = deal(&key.scalar().unwrap(), &key.public_key(), quorum).unwrap();
    shares
        .iter()
        .map(|share| Party::new(share).unwrap())
        .collect()
}

/// Measures in turns; a part is a closure that gives what it took.
struct Part<'a> {
    name: String,
    act: Box<dyn FnMut() -> Duration + 'a>,
    times: Histogram<u64>,
}

impl<'a> Part<'a> {
    fn new(name: impl Into<String>, act: impl FnMut() -> Duration + 'a) -> Self {
        Self {
            name: name.into(),
            act: Box::new(act),
            times: Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap(),
        }
    }

    fn once(&mut self) {
        let took = (self.act)();
        self.times
            .saturating_record(u64::try_from(took.as_nanos()).unwrap());
    }

    fn at(&self, quantile: f64) -> f64 {
        self.times.value_at_quantile(quantile) as f64 / 1000.0
    }
}

fn took<T>(act: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    std::hint::black_box(act());
    began.elapsed()
}

/// The prevote with this number. Most are a round higher than the one before, so that heights do not run out.
fn prevote(maker: &Maker, number: &mut i32) -> SignRequest {
    *number += 1;
    maker.prevote(i64::from(*number / 5_000) + 1, *number % 5_000, Some(1), 1)
}

fn vote(chain: &Chain, request: SignRequest) -> Duration {
    let now = SystemClock.now();
    let (mut reply, request) = (None, Request::Sign(request));
    let time = took(|| {
        reply = Some(
            chain
                .answer(request, &now, &Asker::default(), &SystemClock)
                .reply,
        );
    });
    assert!(matches!(reply, Some(Reply::Signed(_))), "{reply:?}");
    time
}

fn main() {
    let rounds = std::env::args()
        .skip_while(|argument| argument != "--rounds")
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_000);
    let maker = Maker::new(chain_id());
    let whole = SoftKey::from_bytes(&[9; 32], KeyType::Ed25519).unwrap();
    let permit = self_test(1, 130, Duration::MAX).unwrap();
    let alone = {
        let key = SoftKey::from_bytes(&[9; 32], KeyType::Ed25519).unwrap();
        Chain::armed(chain_id(), Armed::new(gate(), Arc::new(key)))
    };
    let mut alone_number = 0;
    let shapes: Vec<_> = [(2_u16, 3_u16), (3, 5)]
        .into_iter()
        .map(|(threshold, members)| {
            let (parties, hosts) = (parties(threshold, members), hosts(threshold, members));
            (threshold, members, parties, hosts, RefCell::new(0))
        })
        .collect();
    let mut parts = vec![
        Part::new("Ed25519 signature, one key", || {
            took(|| whole.sign(&permit).unwrap())
        }),
        Part::new("vote, one key", || {
            vote(&alone, prevote(&maker, &mut alone_number))
        }),
    ];
    for (threshold, members, parties, hosts, number) in &shapes {
        let name = |what: &str| format!("{threshold} of {members}: {what}");
        let signing = || parties.iter().take(usize::from(*threshold));
        let committed = move || -> (Vec<_>, BTreeMap<_, _>) {
            let all = signing().map(|party| (party, party.commit()));
            all.map(|(party, (nonce, shown))| ((party, nonce), (party.id(), shown)))
                .unzip()
        };
        let permit = &permit;
        parts.push(Part::new(name("a nonce"), || took(|| parties[0].commit())));
        parts.push(Part::new(name("a share"), move || {
            let (nonces, shown) = committed();
            let (party, nonce) = nonces.into_iter().next().unwrap();
            took(|| nonce.share(party, permit, &shown).unwrap())
        }));
        parts.push(Part::new(name("put together and verified"), move || {
            let (nonces, shown) = committed();
            let shares = nonces.into_iter();
            let shares = shares
                .map(|(party, nonce)| (party.id(), nonce.share(party, permit, &shown).unwrap()));
            let shares = shares.collect();
            took(|| {
                let joint = parties[0].joint(permit.bytes(), &shown).unwrap();
                parties[0].aggregate(&joint, &shares).unwrap()
            })
        }));
        let maker = &maker;
        let first = move || vote(&hosts[0], prevote(maker, &mut number.borrow_mut()));
        let last = move || {
            vote(
                hosts.last().unwrap(),
                prevote(maker, &mut number.borrow_mut()),
            )
        };
        parts.push(Part::new(name("vote at the lowest member"), first));
        parts.push(Part::new(name("vote at the highest member"), last));
    }
    parts.iter_mut().for_each(|part| {
        (0..50).for_each(|_| {
            let _ = (part.act)();
        })
    });
    for _ in 0..rounds {
        parts.iter_mut().for_each(Part::once);
    }
    println!("{:<40} {:>9} {:>9} {:>9}   µs", "", "p50", "p90", "p99");
    for part in &parts {
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|quantile| part.at(quantile));
        println!("{:<40} {p50:>9.1} {p90:>9.1} {p99:>9.1}", part.name);
    }
    let median = |name: &str| parts.iter().find(|part| part.name == name).unwrap().at(0.5);
    println!();
    for (threshold, members, ..) in &shapes {
        let of = |what: &str| median(&format!("{threshold} of {members}: {what}"));
        // Shares are made at the same time, so each counts once.
        let sum = of("a nonce") + of("a share") + of("put together and verified");
        let (lowest, highest) = (
            of("vote at the lowest member"),
            of("vote at the highest member"),
        );
        println!(
            "{threshold} of {members}: arithmetic / one signature              {:>6.2}",
            sum / median("Ed25519 signature, one key")
        );
        println!(
            "{threshold} of {members}: vote at the lowest / arithmetic         {:>6.2}",
            lowest / sum
        );
        println!(
            "{threshold} of {members}: vote at the highest / at the lowest     {:>6.2}",
            highest / lowest
        );
    }
}
