//! Keys that are slow to open, and bugs: what panics in one thread costs its own link or chain a moment, and no other one.
//! The service runs in this process, because no key of ours panics.

use crate::support;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE, sign};
use crate::support::random_key;
use tmkms::backends::softsign::key::SoftKey;
use tmkms::backends::{Device, KeySource, KeyTraits, OpenKeyError, Opened};
use tmkms::codec::node::{Answer, Ask};
use tmkms::config::Config;
use tmkms::consensus::{PublicKey, Signature};
use tmkms::gate::permit::Permit;
use tmkms::harness::Listener;
use tmkms::service::{self, Again, ServiceError};
use tmkms::signer::{Signer, SignerError};
use tmkms::threads::Shutdown;

/// What goes wrong, as long as it is set.
#[derive(Default)]
struct Faults {
    signing_panics: AtomicBool,
    opening_panics: AtomicBool,
}

struct Key {
    key: SoftKey,
    faults: Arc<Faults>,
}

impl Signer for Key {
    fn public_key(&self) -> PublicKey {
        Signer::public_key(&self.key)
    }

    fn accepts(&self, _: &tmkms::gate::Prepared) -> Result<(), SignerError> {
        Ok(())
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        assert!(
            !self.faults.signing_panics.load(Ordering::SeqCst),
            "on purpose, in mid-vote"
        );
        Signer::sign(&self.key, permit)
    }
}

struct Source {
    key: Arc<Key>,
    opens_in: Duration,
    faults: Arc<Faults>,
    traits: KeyTraits,
}

impl KeySource for Source {
    fn is_same(&self, _: &dyn KeySource) -> bool {
        true
    }

    fn traits(&self) -> &KeyTraits {
        &self.traits
    }

    fn devices(&self) -> Vec<&dyn Device> {
        Vec::new()
    }

    fn open(&self) -> Result<Opened, OpenKeyError> {
        thread::sleep(self.opens_in);
        assert!(
            !self.faults.opening_panics.load(Ordering::SeqCst),
            "on purpose, while opening"
        );
        Ok(Opened {
            signer: self.key.clone(),
            warnings: Vec::new(),
        })
    }
}

/// A service of one chain in this process.
struct World {
    node: Listener,
    key: PublicKey,
    faults: Arc<Faults>,
    stop: Arc<Shutdown>,
    service: Option<JoinHandle<Result<(), ServiceError>>>,
    _home: Home,
}

impl World {
    fn start(opens_in: Duration, faults: Faults) -> Self {
        let node = Listener::tcp().unwrap();
        let home = Home::new(&[node.address().unwrap()]);
        let (faults, key) = (Arc::new(faults), random_key());
        let public_key = Signer::public_key(&key);
        // Its state belongs to the key of the test.
        let text = key.to_base64();
        let path = home.path().join("consensus.key");
        std::fs::remove_file(&path).unwrap();
        tmkms::secret_file::create(&path, &text).unwrap();
        home.init();
        let mut config = Config::load(&home.path().join("tmkms.toml")).unwrap();
        config.chains[0].key = Arc::new(Source {
            key: Arc::new(Key {
                key,
                faults: faults.clone(),
            }),
            opens_in,
            faults: faults.clone(),
            traits: KeyTraits::of("key of a test"),
        });
        let stop = Arc::new(Shutdown::default());
        let inner = stop.clone();
        let service = thread::spawn(move || service::run(config, Again::never(), &inner));
        Self {
            node,
            key: public_key,
            faults,
            stop,
            service: Some(service),
            _home: home,
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.trigger();
        if let Some(service) = self.service.take() {
            service.join().unwrap().unwrap();
        }
    }
}

#[test]
fn a_bug_in_mid_vote_costs_that_link_and_the_position_stays_used_up() {
    let world = World::start(Duration::ZERO, Faults::default());
    let mut node = world.node.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &world.key, 1, 1));
    world.faults.signing_panics.store(true, Ordering::SeqCst);
    let ask = Ask::Sign(support::maker().prevote(2, 0, Some(1), 2));
    assert!(node.ask(&ask).is_err(), "the link ends");
    let mut node = world.node.accept(PATIENCE).unwrap();
    world.faults.signing_panics.store(false, Ordering::SeqCst);
    assert!(!sign(&mut node, &world.key, 2, 2), "it was persisted");
    assert!(sign(&mut node, &world.key, 2, 1), "these bytes, no others");
    assert!(sign(&mut node, &world.key, 3, 1));
}

#[test]
fn a_bug_while_a_key_is_opened_costs_a_few_seconds() {
    let faults = Faults::default();
    faults.opening_panics.store(true, Ordering::SeqCst);
    let world = World::start(Duration::ZERO, faults);
    thread::sleep(Duration::from_millis(500));
    world.faults.opening_panics.store(false, Ordering::SeqCst);
    let began = Instant::now();
    loop {
        let mut node = world.node.accept(PATIENCE).unwrap();
        while let Ok(answer) = node.ask(&Ask::Sign(support::maker().prevote(1, 0, Some(1), 1))) {
            if matches!(answer, Answer::Signed { .. }) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{answer:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A replica that is away costs some seconds. The node asks for the same vote again until it has a link; a refusal would
/// lose the vote.
#[test]
fn a_node_is_not_refused_for_a_key_that_is_there_in_a_moment() {
    let world = World::start(Duration::from_secs(5), Faults::default());
    let mut node = world.node.accept(PATIENCE).unwrap();
    let ask = Ask::Sign(support::maker().prevote(1, 0, Some(1), 1));
    let answer = node.ask(&ask).unwrap();
    assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
}

#[test]
fn while_a_key_takes_very_long_to_open_its_node_is_refused_and_not_left_without_a_link() {
    let world = World::start(Duration::from_secs(14), Faults::default());
    let began = Instant::now();
    let mut node = world.node.accept(Duration::from_secs(12)).unwrap();
    assert!(
        began.elapsed() > Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
    let ask = Ask::Sign(support::maker().prevote(1, 0, Some(1), 1));
    let Answer::Error(error) = node.ask(&ask).unwrap() else {
        panic!("signed without a key")
    };
    assert!(
        error
            .description
            .contains("the key and the state of this chain are being opened"),
        "{error:?}"
    );
    // The same link signs once the key is there.
    while matches!(node.ask(&ask).unwrap(), Answer::Error(_)) {
        assert!(began.elapsed() < Duration::from_secs(14) + PATIENCE);
        thread::sleep(Duration::from_millis(100));
    }
}
