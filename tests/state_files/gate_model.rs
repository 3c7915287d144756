//! The gate against every history over a small universe, with crashes, failing disks and failing devices between
//! any two steps (W1, W2, W3, W8, W10), and against long random ones.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{Admit as _, Mood, SharedDisk, chain_id, maker, moment};
use tmkms::consensus::{Hrs, Signature};
use tmkms::gate::refusal::Reason;
use tmkms::gate::watermark::Watermark;
use tmkms::gate::{Admission, Gate, Settings};
use tmkms::request::SignRequest;

/// What can happen next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A request, on a disk in this mood.
    Ask(usize, Mood),
    /// A request that is admitted and then not signed: the device failed.
    AskInVain(usize),
    /// The process is killed and started again.
    Crash,
    /// The timer tries to mend the store.
    Mend(Mood),
}

fn universe() -> Vec<SignRequest> {
    let maker = maker();
    vec![
        maker.prevote(1, 0, Some(1), 1),
        maker.prevote(1, 0, Some(2), 1),
        maker.prevote(1, 0, Some(1), 2),
        maker.precommit(1, 0, Some(2), 1, b"x"),
        maker.prevote(2, 0, None, 1),
        maker.prevote(2, 0, Some(1), 1),
        maker.proposal(1, 1, 1, 1),
    ]
}

fn steps() -> Vec<Step> {
    let requests = 0..universe().len();
    let moods = [Mood::Fine, Mood::Lost, Mood::Written];
    let asks = requests
        .clone()
        .flat_map(|i| moods.map(|mood| Step::Ask(i, mood)));
    let vain = requests.map(Step::AskInVain);
    let rest = [
        Step::Crash,
        Step::Mend(Mood::Fine),
        Step::Mend(Mood::Lost),
        Step::Mend(Mood::Written),
    ];
    asks.chain(vain).chain(rest).collect()
}

/// A gate on its disk, and what has left it so far.
struct World {
    requests: Vec<SignRequest>,
    disk: SharedDisk,
    gate: Gate,
    released: BTreeMap<Hrs, Vec<u8>>,
    highest: Option<Hrs>,
    time: u64,
}

impl World {
    fn new() -> Self {
        let disk = SharedDisk::new();
        let gate = arm(&disk, 0);
        Self {
            requests: universe(),
            disk,
            gate,
            released: BTreeMap::new(),
            highest: None,
            time: 0,
        }
    }

    fn take(&mut self, step: Step, history: &[Step]) {
        self.time += 600;
        match step {
            Step::Crash => self.gate = arm(&self.disk, self.time),
            Step::Mend(mood) => {
                self.disk.set(mood);
                let mended = self.gate.recover(&moment(self.time));
                assert_eq!(mended, self.gate.snapshot().broken.is_none());
            }
            Step::Ask(request, mood) => self.ask(request, mood, true, history),
            Step::AskInVain(request) => self.ask(request, Mood::Fine, false, history),
        }
    }

    fn ask(&mut self, request: usize, mood: Mood, device_works: bool, history: &[Step]) {
        self.disk.set(mood);
        let request = self.requests[request].clone();
        match self.gate.admit(&request, &moment(self.time), Duration::MAX) {
            Err(refusal) => assert!(
                !matches!(
                    refusal.reason,
                    Reason::TooFarAhead { .. } | Reason::RawBytes(_) | Reason::Busy
                ),
                "{refusal} after {history:?}"
            ),
            Ok(Admission::Replay {
                signature,
                extension,
                ..
            }) => {
                assert_eq!(extension.is_some(), request.extension().is_some());
                self.leaves(&request, signature.as_slice().to_vec(), history);
            }
            Ok(Admission::Sign {
                permit,
                timestamp,
                extension,
                ..
            }) => {
                assert_eq!(extension.is_some(), request.extension().is_some());
                // W3: what is to be signed is on the disk.
                let Watermark::Message(durable) = self.disk.watermark() else {
                    panic!("a permit without a record after {history:?}");
                };
                assert_eq!(durable.bytes().as_slice(), permit.bytes(), "{history:?}");
                assert_eq!(durable.position().timestamp, timestamp, "{history:?}");
                if device_works {
                    // A signature stands for the bytes that it covers.
                    let signature = permit.bytes().to_vec();
                    self.gate
                        .complete(permit, &Signature::from_bytes(signature.clone()));
                    self.leaves(&request, signature, history);
                }
            }
        }
    }

    fn leaves(&mut self, request: &SignRequest, bytes: Vec<u8>, history: &[Step]) {
        let hrs = request.hrs();
        // W2: nothing leaves below what has left.
        assert!(
            self.highest.is_none_or(|highest| hrs >= highest),
            "{hrs} after {history:?}"
        );
        self.highest = Some(hrs);
        // W1: one byte string for one position.
        let before = self.released.entry(hrs).or_insert_with(|| bytes.clone());
        assert_eq!(*before, bytes, "two signatures at {hrs} after {history:?}");
        // W10: it is what was asked for, but for its time.
        let (_, signed) = tmkms::consensus::SignBytes::from_record(bytes).unwrap();
        assert!(
            signed.same_but_for_time(&request.sign_bytes().position().unwrap()),
            "{history:?}"
        );
    }
}

fn arm(disk: &SharedDisk, time: u64) -> Gate {
    Gate::arm(chain_id(), Settings::default(), disk.store(), &moment(time)).unwrap()
}

#[test]
fn every_history_of_three_steps() {
    let steps = steps();
    for one in &steps {
        for two in &steps {
            for three in &steps {
                let history = [*one, *two, *three];
                let mut world = World::new();
                history.iter().for_each(|step| world.take(*step, &history));
            }
        }
    }
}

#[test]
fn a_healthy_gate_signs_whatever_is_above() {
    let mut world = World::new();
    for request in [0, 3, 6, 4] {
        let admitted = world
            .gate
            .admit(&world.requests[request], &moment(0), Duration::MAX);
        let Ok(Admission::Sign { permit, .. }) = admitted else {
            panic!("request {request}: {admitted:?}")
        };
        world.gate.complete(permit, &Signature::from_bytes(vec![0]));
    }
}

#[test]
fn after_a_failed_write_only_the_very_bytes_may_be_tried_again() {
    let mut world = World::new();
    world.disk.set(Mood::Lost);
    let (asked, other, higher) = (0, 1, 4);
    let not_durable = |world: &mut World, request: usize, time: u64| {
        let result = world.gate.admit(
            &world.requests[request].clone(),
            &moment(time),
            Duration::MAX,
        );
        matches!(result, Err(refusal) if matches!(refusal.reason, Reason::NotDurable(_)))
    };
    assert!(not_durable(&mut world, asked, 0));
    world.disk.set(Mood::Fine);
    // Too soon after the last try, and other positions never.
    assert!(not_durable(&mut world, asked, 500));
    assert!(not_durable(&mut world, higher, 500));
    let conflict = world
        .gate
        .admit(&world.requests[other].clone(), &moment(500), Duration::MAX);
    assert!(matches!(conflict, Err(refusal) if refusal.reason.kind().is_double_sign()));
    // A second later the request itself mends the store.
    let again = world.gate.admit(
        &world.requests[asked].clone(),
        &moment(1_000),
        Duration::MAX,
    );
    assert!(matches!(again, Ok(Admission::Sign { .. })), "{again:?}");
    assert!(world.gate.snapshot().broken.is_none());
}

/// A panic in the middle of a write ends the link and not the gate: what it left in memory only is not signed (W3).
#[test]
fn a_write_that_a_bug_cuts_short_is_not_taken_for_durable() {
    let mut world = World::new();
    let (asked, other) = (world.requests[0].clone(), world.requests[1].clone());
    world.disk.set(Mood::Bug);
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = world.gate.admit(&asked, &moment(0), Duration::MAX);
    }));
    assert!(ended.is_err());
    world.disk.set(Mood::Fine);
    let refused = world.gate.admit(&asked, &moment(500), Duration::MAX);
    let Err(refusal) = refused else {
        panic!("signed before it was stored: {refused:?}");
    };
    assert!(matches!(refusal.reason, Reason::NotDurable(_)), "{refusal}");
    assert!(
        refusal
            .to_string()
            .contains("a bug cut the last write short")
    );
    assert_eq!(world.disk.watermark().hrs(), None);
    let conflict = world.gate.admit(&other, &moment(500), Duration::MAX);
    assert!(matches!(conflict, Err(refusal) if refusal.reason.kind().is_double_sign()));
    // It is written by the second try, and then signed.
    let again = world.gate.admit(&asked, &moment(1_000), Duration::MAX);
    assert!(matches!(again, Ok(Admission::Sign { .. })), "{again:?}");
    assert!(world.disk.watermark().hrs().is_some());
}

#[test]
fn a_position_persisted_but_never_signed_keeps_its_time() {
    let mut world = World::new();
    world.take(Step::AskInVain(0), &[]);
    let later = world.requests[2].clone();
    let Ok(Admission::Sign {
        permit, timestamp, ..
    }) = world.gate.admit(&later, &moment(9), Duration::MAX)
    else {
        panic!("not admitted");
    };
    assert_eq!(timestamp.seconds, 1);
    assert_eq!(permit.bytes(), world.requests[0].sign_bytes().as_slice());
}

#[test]
fn heights_run_dry_and_come_back() {
    let maker = maker();
    let disk = SharedDisk::new();
    let mut gate = arm(&disk, 0);
    let mut admit = |height, time| match gate.admit(
        &maker.prevote(height, 0, None, 1),
        &moment(time),
        Duration::MAX,
    ) {
        Ok(Admission::Sign { permit, .. }) => {
            gate.complete(permit, &Signature::from_bytes(vec![0]));
            Ok(())
        }
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.reason.kind().label()),
    };
    // The first advance after the operator's word is free up to 10^9, and no further.
    assert_eq!(admit(1_000_000_001, 0), Err("too_far_ahead"));
    assert_eq!(admit(20_000_000, 0), Ok(()));
    assert_eq!(admit(20_001_001, 0), Err("too_far_ahead"));
    assert_eq!(admit(20_001_000, 0), Ok(()));
    assert_eq!(admit(20_001_001, 0), Err("too_far_ahead"));
    assert_eq!(admit(20_001_020, 1_000), Ok(()));
    assert_eq!(admit(1 << 62, 2_000), Err("too_far_ahead"));
    // An absence of an hour is not an obstacle after a restart.
    let mut gate = arm(&disk, 3_601_000);
    let back = gate.admit(
        &maker.prevote(20_070_000, 0, None, 1),
        &moment(3_601_000),
        Duration::MAX,
    );
    assert!(matches!(back, Ok(Admission::Sign { .. })), "{back:?}");
}

#[test]
fn another_host_that_is_ahead_is_believed() {
    let disk = SharedDisk::new();
    let (mut ours, mut theirs) = (arm(&disk, 0), arm(&disk, 0));
    let requests = universe();
    let Ok(Admission::Sign { permit, .. }) = theirs.admit(&requests[0], &moment(1), Duration::MAX)
    else {
        panic!("not admitted");
    };
    theirs.complete(permit, &Signature::from_bytes(vec![1]));
    // The same message may be signed again, another one at its place may not, and a higher one may.
    let conflict = ours.admit(&requests[1], &moment(1), Duration::MAX);
    assert!(matches!(conflict, Err(refusal) if refusal.reason.kind().is_double_sign()));
    assert!(matches!(
        ours.admit(&requests[0], &moment(1), Duration::MAX),
        Ok(Admission::Sign { .. })
    ));
    assert!(matches!(
        ours.admit(&requests[4], &moment(1), Duration::MAX),
        Ok(Admission::Sign { .. })
    ));
    let behind = theirs.admit(&requests[3], &moment(1), Duration::MAX);
    assert!(matches!(behind, Err(refusal) if refusal.reason.kind().label() == "regression"));
}

mod long_histories {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn hold(picks in prop::collection::vec(0_usize..steps().len(), 0..40)) {
            let steps = steps();
            let history: Vec<Step> = picks.into_iter().map(|pick| steps[pick]).collect();
            let mut world = World::new();
            history.iter().for_each(|step| world.take(*step, &history));
        }
    }
}

#[test]
fn what_is_judged_and_not_admitted_uses_up_nothing() {
    let disk = SharedDisk::new();
    let mut gate = arm(&disk, 0);
    let (one, two) = (
        maker().prevote(1, 0, Some(1), 1),
        maker().prevote(1, 0, Some(2), 1),
    );
    let prepared = gate.prepare(&one).unwrap();
    let judged = gate.judge(prepared, &moment(0)).unwrap();
    assert!(judged.needs_key());
    assert_eq!(judged.prepared().bytes(), &one.sign_bytes());
    drop(judged);
    assert_eq!(disk.watermark().hrs(), None);
    let Ok(Admission::Sign {
        permit,
        persisted_in,
        ..
    }) = gate.admit(&two, &moment(0), Duration::MAX)
    else {
        panic!("used up by a look");
    };
    assert_eq!(permit.bytes(), two.sign_bytes().as_slice());
    assert!(persisted_in.is_some());
    gate.complete(permit, &Signature::from_bytes(vec![1; 64]));
    // The same once more: no key, no write.
    let prepared = gate.prepare(&two).unwrap();
    let judged = gate.judge(prepared, &moment(1)).unwrap();
    assert!(!judged.needs_key());
    let again = judged.admit(Duration::MAX);
    assert!(
        matches!(
            again,
            Ok(Admission::Replay {
                persisted_in: None,
                ..
            })
        ),
        "{again:?}"
    );
    let prepared = gate.prepare(&one).unwrap();
    assert!(gate.judge(prepared, &moment(1)).is_err());
}

#[test]
fn a_gate_shows_what_it_did_to_whoever_does_not_hold_it() {
    let disk = SharedDisk::new();
    let mut gate = arm(&disk, 0);
    let shown = gate.reader();
    assert_eq!(shown.look(), gate.snapshot());
    for height in 1..4 {
        let asked = gate.admit(
            &maker().prevote(height, 0, None, 1),
            &moment(1),
            Duration::MAX,
        );
        assert!(asked.is_ok());
        assert_eq!(shown.look(), gate.snapshot());
        assert_eq!(shown.look().last.unwrap().height.get(), height);
    }
    // A refusal may have counted the tokens, a failed write breaks the store, a recovery mends it.
    assert!(
        gate.admit(
            &maker().prevote(9_999_999, 0, None, 1),
            &moment(2),
            Duration::MAX
        )
        .is_err()
    );
    assert_eq!(shown.look(), gate.snapshot());
    disk.set(Mood::Lost);
    assert!(
        gate.admit(&maker().prevote(5, 0, None, 1), &moment(3), Duration::MAX)
            .is_err()
    );
    assert!(shown.is_broken());
    assert_eq!(shown.look(), gate.snapshot());
    disk.set(Mood::Fine);
    assert!(gate.recover(&moment(5_000)));
    assert!(!shown.is_broken());
    assert_eq!(shown.look(), gate.snapshot());
}
