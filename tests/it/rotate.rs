//! A chain whose key changes at a height, over gates on disks in memory (W23).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::{SharedDisk, StillClock, chain_id, key, maker};
use tmkms::chain::{Armed, Asker, Chain, ChainKeys, KeySchedule, Lasting, Respond};
use tmkms::consensus::{Height, Hrs, PublicKey, SignBytes};
use tmkms::gate::raw::{Dialect, RawPolicy};
use tmkms::gate::store::Origin;
use tmkms::gate::watermark::Watermark;
use tmkms::gate::word::floor::{FloorHeight, FloorSource};
use tmkms::gate::{Gate, Settings};
use tmkms::os::clock::Clock;
use tmkms::reply::Reply;
use tmkms::request::{RawRequest, Request, SignRequest};

fn height(height: i64) -> Height {
    Height::new(height).unwrap()
}

/// Up to three keys with a disk each, which outlive the process that has them.
struct Keys {
    clock: StillClock,
    disks: Vec<SharedDisk>,
}

impl Keys {
    /// Of a first key and one for each of these heights, whose states were begun below them.
    fn begun(heights: &[i64]) -> Self {
        let disks: Vec<_> = (0..=heights.len()).map(|_| SharedDisk::new()).collect();
        for (disk, from) in disks.iter().skip(1).zip(heights) {
            let before = Hrs::end_of(height(from - 1));
            disk.0.lock().unwrap().record.watermark = Watermark::UpTo(before);
        }
        Self {
            clock: StillClock::new(),
            disks,
        }
    }

    fn arm(&self, index: usize) -> Arc<Chain> {
        let store = self.disks[index].store();
        let gate = Gate::arm(chain_id(), Settings::default(), store, &self.clock.now()).unwrap();
        let raw = RawPolicy {
            dialect: Dialect::CometbftV1,
            max_bytes: 100,
        };
        let armed = Armed::new(gate, Arc::new(of(index))).signing_raw(Some(raw));
        Arc::new(Chain::armed(chain_id(), armed))
    }

    /// As a process that has just started has them.
    fn start(&self, heights: &[i64]) -> Vec<Arc<Chain>> {
        (0..=heights.len()).map(|index| self.arm(index)).collect()
    }
}

fn of(index: usize) -> tmkms::backends::softsign::key::SoftKey {
    key(u8::try_from(index).unwrap() + 101)
}

fn schedule(keys: &[Arc<Chain>], heights: &[i64]) -> KeySchedule<Arc<Chain>> {
    let later = keys.iter().skip(1).zip(heights);
    let later = later.map(|(key, from)| (height(*from), key.clone()));
    KeySchedule::new(keys[0].clone(), later.collect())
}

fn routed(keys: &[Arc<Chain>], heights: &[i64]) -> ChainKeys {
    ChainKeys::new(chain_id(), schedule(keys, heights))
}

fn ask(keys: &ChainKeys, clock: &StillClock, request: Request) -> Reply {
    keys.answer(request, &clock.now(), &Asker::default(), clock)
        .reply
}

/// Which of the keys signed, if one did.
fn signed_by(keys: &ChainKeys, clock: &StillClock, request: &SignRequest) -> Option<usize> {
    match ask(keys, clock, Request::Sign(request.clone())) {
        Reply::Signed(signed) => {
            let bytes = signed.request.sign_bytes();
            let found = (0..3).find(|index| {
                of(*index)
                    .public_key()
                    .verify(bytes.as_slice(), &signed.signature)
            });
            Some(found.expect("it is a signature of one of the keys"))
        }
        Reply::Refused { .. } => None,
        _ => panic!("a request to sign has another answer"),
    }
}

fn told(keys: &ChainKeys, clock: &StillClock) -> Option<PublicKey> {
    let chain_id = Ok(chain_id());
    match ask(keys, clock, Request::PublicKey { chain_id }) {
        Reply::PublicKey(key) => key.ok(),
        _ => panic!("a request for the public key has another answer"),
    }
}

#[test]
fn each_kind_of_message_is_signed_by_the_key_of_its_height() {
    let heights = [100, 200];
    let keys = Keys::begun(&heights);
    let routed = routed(&keys.start(&heights), &heights);
    let maker = maker();
    for (at, index) in [
        (1, 0),
        (98, 0),
        (99, 0),
        (100, 1),
        (101, 1),
        (199, 1),
        (200, 2),
        (201, 2),
    ] {
        for request in [
            maker.proposal(at, 0, 1, at),
            maker.prevote(at, 0, Some(1), at),
            maker.precommit(at, 0, Some(1), at, b"extension"),
            maker.prevote(at, 1, None, at),
        ] {
            let by = signed_by(&routed, &keys.clock, &request);
            assert_eq!(by, Some(index), "{}", request.hrs());
        }
    }
    // Below the border the key before it goes on until it is past its own watermark, and no other signs there.
    assert_eq!(
        signed_by(&routed, &keys.clock, &maker.prevote(99, 2, Some(1), 1)),
        Some(0)
    );
    assert_eq!(
        signed_by(&routed, &keys.clock, &maker.prevote(98, 5, Some(1), 1)),
        None
    );
    assert_eq!(
        signed_by(&routed, &keys.clock, &maker.prevote(150, 5, Some(1), 1)),
        None
    );
}

#[test]
fn an_extension_is_signed_by_the_key_of_its_vote() {
    let keys = Keys::begun(&[100]);
    let routed = routed(&keys.start(&[100]), &[100]);
    for (at, index) in [(99, 0), (100, 1)] {
        let request = maker().precommit(at, 0, Some(1), at, b"some");
        let Reply::Signed(signed) = ask(&routed, &keys.clock, Request::Sign(request)) else {
            panic!("refused at {at}");
        };
        let (height, round, extension) = signed.request.extension().unwrap();
        let bytes = SignBytes::extension(&chain_id(), height, round, &extension.data);
        let signature = signed.extension_signature.unwrap();
        assert!(
            of(index).public_key().verify(bytes.as_slice(), &signature),
            "{at}"
        );
    }
}

#[test]
fn the_public_key_changes_when_the_last_height_before_the_border_was_used() {
    let heights = [100, 200];
    let keys = Keys::begun(&heights);
    let mut process = routed(&keys.start(&heights), &heights);
    let clock = &keys.clock;
    let key = |index: usize| Some(of(index).public_key());
    assert_eq!(told(&process, clock), key(0), "nothing was signed yet");
    let vote = |at, round| maker().prevote(at, round, Some(1), at);
    for (at, then) in [(98, 0), (99, 1), (100, 1), (198, 1), (199, 2), (200, 2)] {
        let before = told(&process, clock);
        assert!(signed_by(&process, clock, &vote(at, 0)).is_some(), "{at}");
        assert_eq!(told(&process, clock), key(then), "after {at}");
        // What is refused changes nothing.
        assert_eq!(signed_by(&process, clock, &vote(at - 5, 0)), None);
        assert_eq!(
            told(&process, clock),
            key(then),
            "after {at}, was {before:?}"
        );
        // A restart at the border knows the same.
        process = routed(&keys.start(&heights), &heights);
        assert_eq!(told(&process, clock), key(then), "restarted after {at}");
    }
    // What the operator's program says of the chain counts, too.
    let away = Keys::begun(&[100]);
    let all = away.start(&[100]);
    let process = routed(&all, &[100]);
    assert_eq!(told(&process, &away.clock), key(0));
    all[0].lasting().floor.raise(FloorHeight {
        height: height(99),
        source: FloorSource::StateHook,
    });
    assert_eq!(told(&process, &away.clock), key(1));
    // A node that was told of the next key may still ask for a round of the height before the border.
    let keys = Keys::begun(&[100]);
    let process = routed(&keys.start(&[100]), &[100]);
    assert_eq!(signed_by(&process, &keys.clock, &vote(99, 0)), Some(0));
    assert_eq!(told(&process, &keys.clock), key(1));
    assert_eq!(signed_by(&process, &keys.clock, &vote(99, 1)), Some(0));
    assert_eq!(told(&process, &keys.clock), key(1));
    assert_eq!(signed_by(&process, &keys.clock, &vote(100, 0)), Some(1));
    assert_eq!(signed_by(&process, &keys.clock, &vote(99, 2)), Some(0));
    assert_eq!(
        told(&process, &keys.clock),
        key(1),
        "the later key has begun"
    );
}

#[test]
fn raw_bytes_are_signed_where_there_is_one_key() {
    let keys = Keys::begun(&[100]);
    let all = keys.start(&[100]);
    let raw = || {
        Request::SignRaw(RawRequest {
            first: b"some bytes".to_vec(),
            ..RawRequest::default()
        })
    };
    let one = ChainKeys::of(all[0].clone());
    assert!(matches!(ask(&one, &keys.clock, raw()), Reply::RawSigned(_)));
    let two = routed(&all, &[100]);
    let Reply::RawRefused(error) = ask(&two, &keys.clock, raw()) else {
        panic!("signed by one of two keys");
    };
    assert!(
        error.description.contains("several keys"),
        "{}",
        error.description
    );
    assert_eq!(error.code, 12);
}

/// One message of each of two blocks at each height around the border, asked for in every order of four, with a restart or
/// another height of the border in between: no key ever signs two different messages at one height, round and step, none signs
/// outside of its heights as they are at that moment, and the later key never below its first one.
#[test]
fn every_history_around_the_border() {
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Vote(i64, u8),
        Restart,
        Border(i64),
    }
    let mut steps = vec![
        Step::Restart,
        Step::Border(99),
        Step::Border(100),
        Step::Border(101),
    ];
    for at in 98..=101 {
        steps.extend([Step::Vote(at, 1), Step::Vote(at, 2)]);
    }
    let count = steps.len();
    let mut signatures = 0;
    for history in 0..count.pow(4) {
        let keys = Keys::begun(&[100]);
        let (mut border, mut signed) = (100, BTreeMap::new());
        let mut all = keys.start(&[100]);
        let mut process = routed(&all, &[border]);
        let mut rest = history;
        let mut story = Vec::new();
        for _ in 0..4 {
            let step = steps[rest % count];
            rest /= count;
            story.push(step);
            match step {
                Step::Restart => {
                    all = keys.start(&[100]);
                    process = routed(&all, &[border]);
                }
                Step::Border(to) => {
                    border = to;
                    assert!(process.replace(schedule(&all, &[border])));
                }
                Step::Vote(at, tag) => {
                    let request = maker().prevote(at, 0, Some(tag), 1);
                    let Some(by) = signed_by(&process, &keys.clock, &request) else {
                        continue;
                    };
                    signatures += 1;
                    assert_eq!(by, usize::from(at >= border), "{story:?}");
                    // The state of the later key was begun at the end of 99, whatever the border is since.
                    assert!(by == 0 || at >= 100, "{story:?}");
                    let before = signed.insert((by, at), tag);
                    assert!(before.is_none_or(|before| before == tag), "{story:?}");
                }
            }
        }
    }
    assert!(signatures > 10_000, "{signatures}");
}

/// What went by the heights of before has its answer when the change is there.
#[test]
fn a_change_of_the_border_waits_for_what_is_in_hand() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    let keys = Keys::begun(&[100]);
    let all = keys.start(&[100]);
    let process = routed(&all, &[100]);
    let slow = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let disk = keys.disks[0].0.lock().unwrap();
        let vote = scope.spawn(|| {
            slow.store(true, Ordering::SeqCst);
            signed_by(&process, &keys.clock, &maker().prevote(50, 0, Some(1), 1))
        });
        while !slow.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        // The vote hangs in its disk.
        std::thread::sleep(Duration::from_millis(100));
        let change = scope.spawn(|| process.replace(schedule(&all, &[40])));
        std::thread::sleep(Duration::from_millis(100));
        assert!(!change.is_finished());
        drop(disk);
        assert_eq!(vote.join().unwrap(), Some(0));
        assert!(change.join().unwrap());
    });
    assert_eq!(
        signed_by(&process, &keys.clock, &maker().prevote(51, 0, Some(1), 1)),
        None
    );
}

#[test]
fn a_pause_is_that_of_all_keys() {
    use tmkms::gate::pause::Operator;
    use tmkms::gate::pause::{Pause, PauseFile, PauseSwitch};
    use tmkms::remedy::Commands;

    let folder = tempfile::tempdir().unwrap();
    let file = PauseFile::beside(
        &folder.path().join("state"),
        &chain_id(),
        &Commands::default(),
    );
    let keys = Keys::begun(&[100]);
    let switch = Arc::new(PauseSwitch::default());
    let arm = |index: usize| {
        let store = keys.disks[index].store();
        let gate = Gate::arm(chain_id(), Settings::default(), store, &keys.clock.now()).unwrap();
        let gate = gate.obeying(Operator {
            commands: Commands::default(),
            paused: switch.clone(),
        });
        let chain = Chain::armed(chain_id(), Armed::new(gate, Arc::new(of(index))));
        Arc::new(chain.sharing(Lasting {
            pause: switch.clone(),
            ..Lasting::default()
        }))
    };
    let process = routed(&[arm(0), arm(1)], &[100]);
    let vote = |at, round| maker().prevote(at, round, Some(1), at);
    let signs = |at, round| signed_by(&process, &keys.clock, &vote(at, round)).is_some();
    assert!(signs(99, 0));
    let paused = |from: Option<i64>| {
        let pause = Pause {
            from: from.map(height),
            why: None,
            asked: keys.clock.now().wall,
        };
        process.pause(pause, &file).unwrap()
    };
    let done = paused(Some(101));
    assert_eq!(
        done.last.map(|last| last.height.get()),
        Some(99),
        "that of the chain"
    );
    assert!(!process.paused().unwrap().1, "it waits for its height");
    assert!(signs(99, 1) && signs(100, 0) && !signs(101, 0));
    assert!(process.paused().unwrap().1, "the later key is at 100");
    let _ = paused(None);
    assert!(!signs(99, 2) && !signs(100, 1), "neither key signs");
    process.resume(&file).unwrap().unwrap();
    assert!(signs(99, 2) && signs(100, 1) && signs(101, 0));
}

/// The state of a key that waits was begun by the operator, so its gate alone would let it jump to any height at once.
#[test]
fn the_first_request_of_a_key_is_no_further_ahead_than_the_key_before_it_could_go() {
    let maker = maker();
    let refused = |routed: &ChainKeys, keys: &Keys, at: i64| {
        let request = Request::Sign(maker.prevote(at, 0, Some(1), 1));
        match ask(routed, &keys.clock, request) {
            Reply::Refused { error, .. } => error.description,
            _ => panic!("it is not refused"),
        }
    };
    let signs = |routed: &ChainKeys, keys: &Keys, at: i64| {
        signed_by(routed, &keys.clock, &maker.prevote(at, 0, Some(1), 1))
    };
    let begun = || {
        let keys = Keys::begun(&[100, 5_000]);
        for disk in &keys.disks {
            disk.0.lock().unwrap().record.origin = Origin::Begun;
        }
        let routed = routed(&keys.start(&[100, 5_000]), &[100, 5_000]);
        (keys, routed)
    };
    let (keys, chain) = begun();
    assert_eq!(signs(&chain, &keys, 50), Some(0));
    // One message of a node that is wrong does not use up the new key, nor that after it.
    for (at, ahead) in [(900_000_000, 899_999_950), (5_000, 4_950), (1_051, 1_001)] {
        let text = refused(&chain, &keys, at);
        let told =
            format!("too far ahead, {ahead} heights above the last (50/0/prevote) where 1000 are");
        assert!(text.contains(&told), "{text}");
    }
    let text = refused(&chain, &keys, 1_051);
    assert!(
        text.contains("tmkms state raise test-1 --height 1050"),
        "{text}"
    );
    assert_eq!(told(&chain, &keys.clock), Some(of(0).public_key()));
    assert_eq!(signs(&chain, &keys, 99), Some(0));
    assert_eq!(
        signs(&chain, &keys, 1_000),
        Some(1),
        "a border that was missed"
    );
    // From there on it has tokens of its own.
    assert_eq!(signs(&chain, &keys, 2_000), Some(1));
    assert!(refused(&chain, &keys, 900_000_000).contains("above the last (2000/"));
    assert_eq!(told(&chain, &keys.clock), Some(of(1).public_key()));

    // After an absence a restart credits it, as to a chain with one key.
    let (keys, chain) = begun();
    assert_eq!(signs(&chain, &keys, 50), Some(0));
    keys.clock.pass(std::time::Duration::from_secs(3_600));
    refused(&chain, &keys, 50_000);
    let chain = routed(&keys.start(&[100, 5_000]), &[100, 5_000]);
    refused(&chain, &keys, 900_000_000);
    assert_eq!(signs(&chain, &keys, 50_000), Some(2));
    assert_eq!(
        signs(&chain, &keys, 4_999),
        Some(1),
        "that is another's height"
    );

    // Nothing is known of the chain: as with one key.
    let (keys, chain) = begun();
    assert_eq!(signs(&chain, &keys, 3_000_000), Some(2));
}

/// What key is told and which one has its turn is known when all states are.
#[test]
fn a_link_waits_for_every_key_that_is_being_opened() {
    let keys = Keys::begun(&[100]);
    let waiting = Arc::new(Chain::opening(chain_id()));
    let all = [keys.arm(0), waiting.clone()];
    let chain = routed(&all, &[100]);
    let short = std::time::Duration::from_millis(5);
    assert!(chain.is_opening_after(short));
    waiting.replace_state(Chain::unarmed(chain_id(), None, "no key".to_owned()));
    assert!(!chain.is_opening_after(short), "it was tried");
    let first = Arc::new(Chain::opening(chain_id()));
    let chain = routed(&[first, keys.arm(1)], &[100]);
    assert!(chain.is_opening_after(short));
}
