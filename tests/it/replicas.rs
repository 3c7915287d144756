//! One key on several devices: a device lost in the middle of a vote costs no vote, none is signed twice, and a device
//! with another key never signs.
#![cfg(feature = "yubihsm")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::yubihsm_bench::{add_keys, key_source, simulator};
use crate::support::yubihsm_simulator::{Moment, PowerLoss, Profile, Simulator};
use crate::support::{SharedDisk, chain_id, maker, moment, prepared};
use tmkms::backends::replicas::{Policy, Replica, ReplicaSetSource, ReplicaSource};
use tmkms::backends::yubihsm::protocol::codes::command;
use tmkms::backends::yubihsm::protocol::key_type::DeviceKeyType;
use tmkms::backends::{Device, KeySource, KeyTraits, OpenKeyError, Opened};
use tmkms::chain::{Armed, Asker, Chain, Respond};
use tmkms::gate::raw::self_test;
use tmkms::gate::{Gate, Settings, SignExtensions};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::reply::Reply;
use tmkms::request::Request;
use tmkms::signer::Signer;

fn set(simulators: &[&Simulator], policy: Policy) -> Arc<dyn Signer> {
    let sources = simulators
        .iter()
        .map(|one| key_source(one, DeviceKeyType::Ed25519) as _)
        .collect();
    ReplicaSetSource::new(sources, policy)
        .open()
        .unwrap()
        .signer
}

fn signs(signer: &Arc<dyn Signer>, number: u64) -> Result<(), String> {
    let until = SystemClock.now().monotonic + Duration::from_secs(2);
    let permit = self_test(number, 110, until).unwrap();
    let signature = signer.sign(&permit).map_err(|error| error.to_string())?;
    assert!(signer.public_key().verify(permit.bytes(), &signature));
    Ok(())
}

fn signed_by(simulator: &Simulator) -> u64 {
    simulator.device().executed(command::SIGN_EDDSA)
}

#[test]
fn the_first_signs_and_the_second_stands_by() {
    let (one, two) = (simulator(1), simulator(2));
    let signer = set(&[&one, &two], Policy::Failover);
    for number in 0..10 {
        signs(&signer, number).unwrap();
    }
    assert_eq!((signed_by(&one), signed_by(&two)), (10, 0));
    one.unplug();
    signs(&signer, 10).unwrap();
    // From now on the first is known to be away, and nobody waits for it.
    let began = Instant::now();
    for number in 11..20 {
        signs(&signer, number).unwrap();
    }
    assert!(began.elapsed() < Duration::from_millis(500));
    one.plug();
    let began = Instant::now();
    while signed_by(&one) == 10 && began.elapsed() < Duration::from_secs(5) {
        signs(&signer, 20).unwrap();
        thread::sleep(Duration::from_millis(50));
    }
    assert!(signed_by(&one) > 10, "the first is back");
}

#[test]
fn the_least_busy_share_the_work() {
    let (one, two) = (simulator(1), simulator(2));
    let signer = set(&[&one, &two], Policy::LeastBusy);
    for simulator in [&one, &two] {
        simulator.device().faults.slow = Duration::from_millis(5);
    }
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let signer = signer.clone();
            thread::spawn(move || (0..10).for_each(|_| signs(&signer, number).unwrap()))
        })
        .collect();
    threads.into_iter().for_each(|one| one.join().unwrap());
    assert!(signed_by(&one) >= 5 && signed_by(&two) >= 5);
}

#[test]
fn a_power_loss_at_any_frame_costs_no_vote() {
    let (one, two) = (simulator(1), simulator(2));
    let signer = set(&[&one, &two], Policy::Failover);
    for frames in 1..=6 {
        for moment in [Moment::Before, Moment::After] {
            one.lose_power(PowerLoss { frames, moment });
            for number in 0..6 {
                signs(&signer, number).unwrap();
            }
        }
    }
}

#[test]
fn every_member_must_be_able_to_sign_and_the_strictest_says_why_not() {
    let older = Simulator::start(Profile::new(2, (2, 3, 1)));
    add_keys(&older, 1);
    let newer = simulator(1);
    let length = |bytes| {
        let request = maker().precommit(9, 0, Some(1), 1, &vec![7; bytes]);
        let prepared = prepared(&request, SignExtensions::Always);
        let accepted = set(&[&newer, &older], Policy::Failover).accepts(&prepared);
        accepted.map_err(|error| error.to_string())
    };
    assert_eq!(length(1_900), Ok(()));
    for bytes in [2_100, 4_000] {
        let error = length(bytes).unwrap_err();
        assert!(error.contains("signs 2019 at most"), "{error}");
    }
}

#[test]
fn a_device_with_another_key_never_signs() {
    let (one, two) = (simulator(1), Simulator::start(Profile::new(2, (2, 4, 0))));
    add_keys(&two, 9);
    let signer = set(&[&one, &two], Policy::Failover);
    signs(&signer, 1).unwrap();
    one.unplug();
    let error = signs(&signer, 2).unwrap_err();
    assert!(error.contains("another key"), "{error}");
    assert_eq!(signed_by(&two), 0);
}

#[test]
fn a_device_that_was_away_at_the_start_joins() {
    let (one, two) = (simulator(1), simulator(2));
    two.unplug();
    let signer = set(&[&one, &two], Policy::Failover);
    signs(&signer, 1).unwrap();
    two.plug();
    one.unplug();
    let began = Instant::now();
    while signs(&signer, 2).is_err() {
        assert!(began.elapsed() < Duration::from_secs(15));
    }
    assert!(signed_by(&two) > 0);
}

/// A device that takes its time to say that it is absent, or to open.
struct Slow {
    name: &'static str,
    traits: KeyTraits,
    there: Option<Arc<dyn ReplicaSource>>,
    takes: Duration,
}

impl KeySource for Slow {
    fn is_same(&self, _: &dyn KeySource) -> bool {
        false
    }

    fn traits(&self) -> &KeyTraits {
        &self.traits
    }

    fn devices(&self) -> Vec<&dyn Device> {
        Vec::new()
    }

    fn open(&self) -> Result<Opened, OpenKeyError> {
        unreachable!("it is opened as a replica")
    }
}

impl ReplicaSource for Slow {
    fn open_replica(&self) -> Result<Opened<dyn Replica>, OpenKeyError> {
        thread::sleep(self.takes);
        match &self.there {
            Some(source) => source.open_replica(),
            None if self.name == "bug" => panic!("a bug"),
            None => Err(OpenKeyError(format!("{}: absent", self.name))),
        }
    }
}

fn slow(name: &'static str, there: Option<&Simulator>, takes: u64) -> Arc<dyn ReplicaSource> {
    Arc::new(Slow {
        name,
        traits: KeyTraits::of(name),
        there: there.map(|one| key_source(one, DeviceKeyType::Ed25519) as _),
        takes: Duration::from_millis(takes),
    })
}

fn members(sources: Vec<Arc<dyn ReplicaSource>>) -> ReplicaSetSource {
    ReplicaSetSource::new(sources, Policy::Failover)
}

#[test]
fn members_that_are_absent_are_not_waited_for_one_after_another() {
    let alive = simulator(1);
    let absent = ["a", "b", "c", "d", "e"];
    // The first to know is the last that is told.
    let mut sources: Vec<_> = (0_u64..)
        .zip(absent)
        .map(|(number, name)| slow(name, None, 1_000 - number * 150))
        .collect();
    sources.push(slow("alive", Some(&alive), 1_000));
    let began = Instant::now();
    let Opened { signer, warnings } = members(sources).open().unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    let told = absent.map(|name| format!("replica not there yet: {name}: absent"));
    assert_eq!(warnings[..5], told);
    signs(&signer, 1).unwrap();
}

#[test]
fn members_that_are_all_absent_are_told_in_their_order() {
    let sources = vec![
        slow("slow", None, 300),
        slow("bug", None, 0),
        slow("fast", None, 0),
    ];
    let why = members(sources).open().err().unwrap().to_string();
    assert_eq!(
        why,
        "replica not there yet: slow: absent; \
         replica not there yet: bug: a bug ended its opening; it is tried again; \
         replica not there yet: fast: absent"
    );
}

#[test]
fn the_first_member_says_which_key_it_is_however_long_it_takes() {
    let (one, two) = (simulator(1), Simulator::start(Profile::new(2, (2, 4, 0))));
    add_keys(&two, 9);
    let sources = vec![slow("one", Some(&one), 500), slow("two", Some(&two), 0)];
    let signer = members(sources).open().unwrap().signer;
    for number in 0..3 {
        signs(&signer, number).unwrap();
    }
    assert_eq!((signed_by(&one), signed_by(&two)), (3, 0));
}

/// Votes through a chain while one device is pulled and put back ten times: each height has one vote, and the device
/// that signed it saw one sequence of bytes.
#[test]
fn pulled_ten_times_under_load_no_vote_is_lost_and_none_signed_twice() {
    let (one, two) = (Arc::new(simulator(1)), simulator(2));
    let signer = set(&[&one, &two], Policy::Failover);
    let key = signer.public_key();
    let store = SharedDisk::new().store();
    let mut settings = Settings::default();
    settings.rate.max_gap = 1_000_000;
    let gate = Gate::arm(chain_id(), settings, store, &moment(0)).unwrap();
    let chain = Chain::armed(chain_id(), Armed::new(gate, signer));
    let over = Arc::new(AtomicBool::new(false));
    let (puller, stop) = (one.clone(), over.clone());
    let pulls = thread::spawn(move || {
        let mut pulls = 0;
        while pulls < 10 && !stop.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(60));
            puller.unplug();
            // Mostly it is back within the vote; twice it is not.
            let long = pulls % 5 == 2;
            thread::sleep(Duration::from_millis(if long { 1_300 } else { 60 }));
            puller.plug();
            pulls += 1;
        }
        pulls
    });
    let mut height = 0;
    while height < 300 || !pulls.is_finished() {
        height += 1;
        let request = maker().precommit(height, 0, Some(1), 1, b"");
        let arrival = SystemClock.now();
        let answer = chain.answer(
            Request::Sign(request),
            &arrival,
            &Asker::default(),
            &SystemClock,
        );
        let Reply::Signed(signed) = answer.reply else {
            panic!("height {height}: {:?}", answer.event);
        };
        let bytes = signed.request.sign_bytes();
        assert!(key.verify(bytes.as_slice(), &signed.signature));
    }
    over.store(true, Ordering::SeqCst);
    assert_eq!(pulls.join().unwrap(), 10);
    assert!(signed_by(&one) > 0 && signed_by(&two) > 0);
}
