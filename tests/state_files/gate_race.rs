//! Many links, one position, one signature (W1, W4).

use crate::support;
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::support::{chain_id, maker, place, random_key};
use tmkms::chain::{Armed, Asker, Chain, Respond};
use tmkms::codec::node::{Answer, Ask};
use tmkms::events::{Event, Sink};
use tmkms::gate::store::file::FileStore;
use tmkms::gate::watermark::Watermark;
use tmkms::gate::{Gate, Settings};
use tmkms::harness::Node;
use tmkms::link::{Timeouts, accept_unix};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::session::{InFlight, NodeTerms, serve};

const LINKS: u8 = 16;
const POSITIONS: i64 = 1_000;

struct Nobody;

impl Sink for Nobody {
    fn emit(&self, _: &Event) {}
}

#[test]
fn sixteen_links_that_ask_for_conflicting_votes_get_one_signature() {
    let folder = tempfile::tempdir().unwrap();
    let key = random_key();
    let place = place(folder.path().join("state.json"), key.public_key());
    FileStore::create(&place, &Watermark::Never, SystemClock.now().wall).unwrap();
    let store = Box::new(FileStore::open(&place).unwrap());
    let gate = Gate::arm(chain_id(), Settings::default(), store, &SystemClock.now()).unwrap();
    let public_key = key.public_key();
    let chain = Arc::new(Chain::armed(chain_id(), Armed::new(gate, Arc::new(key))));

    let barrier = Arc::new(Barrier::new(usize::from(LINKS)));
    let nodes: Vec<_> = (0..LINKS)
        .map(|link| {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            let (chain, barrier) = (chain.clone(), barrier.clone());
            thread::spawn(move || {
                let mut connection = accept_unix(ours, &Timeouts::default()).unwrap();
                serve(
                    &mut connection,
                    &*chain,
                    &NodeTerms::default(),
                    &InFlight::default(),
                    &SystemClock,
                    &Nobody,
                );
            });
            let public_key = public_key.clone();
            thread::spawn(move || {
                let mut node = Node::new(accept_unix(theirs, &Timeouts::default()).unwrap());
                let mut got = Vec::new();
                for height in 1..=POSITIONS {
                    barrier.wait();
                    let request = maker().prevote(height, 0, Some(link), 1);
                    let bytes = request.sign_bytes();
                    match node.ask(&Ask::Sign(request)).unwrap() {
                        Answer::Signed { signature, .. } => {
                            assert!(public_key.verify(bytes.as_slice(), &signature));
                            got.push(height);
                        }
                        Answer::Error(_) => {}
                        other => panic!("{other:?}"),
                    }
                }
                got
            })
        })
        .collect();
    let signed: Vec<i64> = nodes
        .into_iter()
        .flat_map(|node| node.join().unwrap())
        .collect();
    let distinct: BTreeSet<i64> = signed.iter().copied().collect();
    assert_eq!(
        signed.len(),
        distinct.len(),
        "two links had a signature for one position"
    );
    assert_eq!(distinct.len(), usize::try_from(POSITIONS).unwrap());
}

#[test]
fn who_waits_too_long_is_told_so_and_has_used_up_nothing() {
    use tmkms::gate::permit::Permit;
    use tmkms::signer::{Signer, SignerError};

    /// A device that takes its time.
    struct Slow(tmkms::backends::softsign::key::SoftKey);
    impl Signer for Slow {
        fn public_key(&self) -> tmkms::consensus::PublicKey {
            self.0.public_key()
        }
        fn accepts(&self, _: &tmkms::gate::Prepared) -> Result<(), SignerError> {
            Ok(())
        }

        fn sign(&self, permit: &Permit) -> Result<tmkms::consensus::Signature, SignerError> {
            thread::sleep(Duration::from_millis(1_900));
            Signer::sign(&self.0, permit)
        }
    }

    let disk = support::SharedDisk::new();
    let gate = Gate::arm(
        chain_id(),
        Settings::default(),
        disk.store(),
        &SystemClock.now(),
    )
    .unwrap();
    let chain = Arc::new(Chain::armed(
        chain_id(),
        Armed::new(gate, Arc::new(Slow(random_key()))),
    ));
    let ask = |chain: &Chain, height| {
        let request = tmkms::request::Request::Sign(maker().prevote(height, 0, None, 1));
        chain.answer(request, &SystemClock.now(), &Asker::default(), &SystemClock)
    };
    let busy = chain.clone();
    let first = thread::spawn(move || ask(&busy, 1).releases.position().is_some());
    thread::sleep(Duration::from_millis(100));
    let late = ask(&chain, 2);
    assert!(
        matches!(
            late.event,
            Event::Refused {
                reason: tmkms::reason::ReasonKind::Busy,
                ..
            }
        ),
        "{:?}",
        late.event
    );
    assert!(first.join().unwrap());
    // Height 2 is still free: another block may be voted for there.
    assert!(ask(&chain, 2).releases.position().is_some());
}

/// Processes that start at the same moment, and those that wait for a chain to be free: the locks are taken in one order, so
/// that none of them keeps the others out without getting both.
#[test]
fn of_several_at_once_one_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path().join("state.json"), random_key().public_key());
    FileStore::create(&place, &Watermark::Never, Duration::ZERO).unwrap();
    let gate = Barrier::new(3);
    for _ in 0..2_000 {
        let got = thread::scope(|scope| {
            let tries: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        gate.wait();
                        let got = FileStore::open(&place).is_ok_and(|store| {
                            // All have tried before it lets go.
                            gate.wait();
                            drop(store);
                            true
                        });
                        if !got {
                            gate.wait();
                        }
                        got
                    })
                })
                .collect();
            let tries = tries.into_iter().map(|thread| thread.join().unwrap());
            tries.filter(|got| *got).count()
        });
        assert_eq!(got, 1);
    }
}
