//! A scripted node over an in-memory link: every request has its answer, and the link ends only for what W9 names.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Mood, SharedDisk, StillClock, chain_id, key, maker};
use tmkms::chain::{Armed, Chain};
use tmkms::codec::frame::Decoder;
use tmkms::codec::node::{self, Answer, Ask};
use tmkms::consensus::{PublicKey, Signature};
use tmkms::events::{Event, Sink};
use tmkms::gate::permit::Permit;
use tmkms::gate::raw::{Dialect, RawPolicy};
use tmkms::gate::watermark::Watermark;
use tmkms::gate::{Gate, Prepared, Settings, SignExtensions};
use tmkms::link::{Frame, LinkError};
use tmkms::os::clock::Clock;
use tmkms::os::process::beat::Beat;
use tmkms::request::RawRequest;
use tmkms::session::{End, InFlight, Link, NodeTerms, serve};
use tmkms::signer::{Signer, SignerError, within_length};

/// Frames to be read, and what was written.
struct Script {
    clock: StillClock,
    frames: VecDeque<Vec<u8>>,
    current: Vec<u8>,
    prepared: Vec<u8>,
    written: Vec<u8>,
    /// How long it takes to make a reply ready.
    seals: Duration,
    /// What happens before each frame is read.
    before: Box<dyn FnMut(&StillClock)>,
}

impl Link for Script {
    fn receive(&mut self) -> Result<Frame<'_>, LinkError> {
        self.current = self.frames.pop_front().ok_or(LinkError::Closed)?;
        (self.before)(&self.clock);
        Ok(Frame {
            bytes: &self.current,
            read_at: self.clock.now(),
        })
    }

    fn prepare(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        self.clock.pass(self.seals);
        self.prepared = bytes.to_vec();
        Ok(())
    }

    fn send_prepared(&mut self) -> Result<(), LinkError> {
        self.written.append(&mut self.prepared);
        Ok(())
    }
}

#[derive(Default)]
struct Events(Mutex<Vec<Event>>);

impl Sink for Events {
    fn emit(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// A key that can be slow or broken, or unable to sign long messages.
struct Device {
    clock: StillClock,
    takes: Arc<Mutex<Duration>>,
    jumps: Arc<Mutex<Duration>>,
    broken: Arc<Mutex<bool>>,
    longest: Arc<Mutex<usize>>,
}

impl Signer for Device {
    fn public_key(&self) -> PublicKey {
        key(1).public_key()
    }

    fn accepts(&self, prepared: &Prepared) -> Result<(), SignerError> {
        within_length(prepared, *self.longest.lock().unwrap())
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        let longest = *self.longest.lock().unwrap();
        if permit.bytes().len() > longest {
            return Err(SignerError::Failed("too long for the device".to_owned()));
        }
        self.clock.pass(*self.takes.lock().unwrap());
        self.clock.0.lock().unwrap().wall += *self.jumps.lock().unwrap();
        match *self.broken.lock().unwrap() {
            true => Err(SignerError::Failed(
                "the device is unplugged; plug it in".to_owned(),
            )),
            false => Signer::sign(&key(1), permit),
        }
    }
}

struct World {
    chain: Chain,
    disk: SharedDisk,
    clock: StillClock,
    takes: Arc<Mutex<Duration>>,
    seals: Arc<Mutex<Duration>>,
    jumps: Arc<Mutex<Duration>>,
    broken: Arc<Mutex<bool>>,
    longest: Arc<Mutex<usize>>,
    events: Events,
}

impl World {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        Self::signing_raw(settings, None)
    }

    fn signing_raw(settings: Settings, raw: Option<RawPolicy>) -> Self {
        let (clock, disk) = (StillClock::new(), SharedDisk::new());
        let gate = Gate::arm(chain_id(), settings, disk.store(), &clock.now()).unwrap();
        let (takes, jumps, broken) = (Arc::default(), Arc::default(), Arc::default());
        let longest = Arc::new(Mutex::new(usize::MAX));
        let device = Device {
            clock: clock.clone(),
            takes: Arc::clone(&takes),
            jumps: Arc::clone(&jumps),
            broken: Arc::clone(&broken),
            longest: Arc::clone(&longest),
        };
        let chain = Chain::armed(
            chain_id(),
            Armed::new(gate, Arc::new(device)).signing_raw(raw),
        );
        Self {
            chain,
            disk,
            clock,
            takes,
            seals: Arc::default(),
            jumps,
            broken,
            longest,
            events: Events::default(),
        }
    }

    /// Serves the frames and gives the answers and the end.
    fn serve_frames(&self, frames: Vec<Vec<u8>>) -> (Vec<Answer>, End) {
        self.serve_over(&InFlight::default(), frames, |_| {})
    }

    /// The same with a beat, and with what happens before each frame is read.
    fn serve_over(
        &self,
        hand: &InFlight,
        frames: Vec<Vec<u8>>,
        before: impl FnMut(&StillClock) + 'static,
    ) -> (Vec<Answer>, End) {
        let mut link = Script {
            clock: self.clock.clone(),
            frames: frames.into(),
            current: Vec::new(),
            prepared: Vec::new(),
            written: Vec::new(),
            seals: *self.seals.lock().unwrap(),
            before: Box::new(before),
        };
        hand.begin_link();
        let end = serve(
            &mut link,
            &self.chain,
            &NodeTerms::default(),
            hand,
            &self.clock,
            &self.events,
        );
        let mut decoder = Decoder::default();
        decoder.push(&link.written);
        let mut answers = Vec::new();
        while let Some(frame) = decoder.next_frame().unwrap() {
            answers.push(node::decode(frame).unwrap());
        }
        (answers, end)
    }

    fn serve(&self, asks: &[Ask]) -> Vec<Answer> {
        let (answers, end) = self.serve_frames(asks.iter().map(frame).collect());
        assert!(matches!(end, End::Link(LinkError::Closed)), "{end}");
        assert_eq!(answers.len(), asks.len(), "every request has an answer");
        answers
    }
}

fn frame(ask: &Ask) -> Vec<u8> {
    let mut bytes = Vec::new();
    node::encode(ask, &mut bytes);
    let mut decoder = Decoder::default();
    decoder.push(&bytes);
    decoder.next_frame().unwrap().unwrap().to_vec()
}

fn vote(height: i64, tag: u8, seconds: i64) -> Ask {
    Ask::Sign(maker().prevote(height, 0, Some(tag), seconds))
}

fn code(answer: &Answer) -> i32 {
    match answer {
        Answer::Error(error) => error.code,
        _ => 0,
    }
}

#[test]
fn every_kind_of_request_has_its_answer() {
    let world = World::new();
    let answers = world.serve(&[
        Ask::Ping,
        Ask::PublicKey("test-1".to_owned()),
        Ask::PublicKey("other-1".to_owned()),
        vote(1, 1, 1),
        vote(1, 1, 1),
        vote(1, 1, 2),
        vote(1, 2, 1),
        Ask::Raw(RawRequest::default()),
        vote(2, 1, 1),
        vote(1, 1, 1),
    ]);
    assert_eq!(answers[0], Answer::Pong);
    assert_eq!(answers[1], Answer::PublicKey(key(1).public_key()));
    assert_eq!(answers[3], answers[4]);
    assert_eq!(answers[3], answers[5], "the earlier time and signature");
    let codes: Vec<i32> = answers.iter().map(code).collect();
    assert_eq!(codes, [0, 0, 2, 0, 0, 0, 4, 12, 0, 3]);
    let events = world.events.0.lock().unwrap();
    let double_signs = events.iter().filter(|event| {
        matches!(
            event,
            Event::Refused {
                reason: tmkms::reason::ReasonKind::Conflict,
                ..
            }
        )
    });
    assert_eq!(
        double_signs.count(),
        1,
        "only the conflict is a double sign"
    );
    let replays = events
        .iter()
        .filter(|event| matches!(event, Event::Signed { replayed: true, .. }));
    assert_eq!(replays.count(), 2);
}

#[test]
fn a_failing_device_is_told_in_band_and_tried_again() {
    let world = World::new();
    *world.broken.lock().unwrap() = true;
    let answers = world.serve(&[vote(1, 1, 1), vote(1, 2, 1)]);
    assert_eq!((code(&answers[0]), code(&answers[1])), (20, 4));
    *world.broken.lock().unwrap() = false;
    // Only the persisted bytes, with their time.
    let answers = world.serve(&[vote(1, 1, 9)]);
    let Answer::Signed {
        timestamp,
        signature,
        ..
    } = &answers[0]
    else {
        panic!("{answers:?}")
    };
    assert_eq!(timestamp.seconds, 1);
    let bytes = maker().prevote(1, 0, Some(1), 1).sign_bytes();
    assert!(key(1).public_key().verify(bytes.as_slice(), signature));
}

/// The key is asked only about what the watermark does not forbid.
#[test]
fn what_is_too_long_for_the_key_uses_nothing_up_and_hides_no_conflict() {
    let world = World::new();
    let precommit =
        |height, bytes: usize| Ask::Sign(maker().precommit(height, 0, Some(1), 1, &vec![7; bytes]));
    assert_eq!(code(&world.serve(&[precommit(1, 10)])[0]), 0);
    *world.longest.lock().unwrap() = 200;
    // The vote fits and its extension does not.
    let answers = world.serve(&[precommit(2, 300)]);
    let Answer::Error(error) = &answers[0] else {
        panic!("{answers:?}");
    };
    assert_eq!(error.code, 20);
    assert!(
        error.description.contains("signs 200 at most"),
        "{}",
        error.description
    );
    assert_eq!(world.disk.watermark().hrs().unwrap().height.get(), 1);
    assert_eq!(code(&world.serve(&[precommit(2, 10)])[0]), 0);
    // What conflicts is called so, however long it is. The extension of a replay is new work for the key.
    *world.longest.lock().unwrap() = 10;
    let conflict = Ask::Sign(maker().precommit(2, 0, Some(2), 1, b""));
    let answers = world.serve(&[precommit(2, 10), conflict, precommit(3, 1)]);
    let codes: Vec<i32> = answers.iter().map(code).collect();
    assert_eq!(codes, [20, 4, 20]);
    assert_eq!(world.disk.watermark().hrs().unwrap().height.get(), 2);
    // A message that was signed is answered again, however long it is.
    *world.longest.lock().unwrap() = usize::MAX;
    assert_eq!(code(&world.serve(&[vote(3, 1, 1)])[0]), 0);
    *world.longest.lock().unwrap() = 10;
    let answers = world.serve(&[vote(3, 1, 1), vote(3, 2, 1)]);
    let codes: Vec<i32> = answers.iter().map(code).collect();
    assert_eq!(codes, [0, 4]);
}

#[test]
fn a_failing_disk_is_told_in_band() {
    let world = World::new();
    world.disk.set(Mood::Lost);
    let answers = world.serve(&[vote(1, 1, 1), Ask::Ping]);
    assert_eq!((code(&answers[0]), &answers[1]), (8, &Answer::Pong));
    assert!(world.chain.is_broken());
    world.disk.set(Mood::Fine);
    assert!(world.chain.recover(&world.clock));
    assert!(!world.chain.is_broken());
    assert_eq!(code(&world.serve(&[vote(1, 1, 1)])[0]), 0);
}

#[test]
fn a_pause_while_signing_drops_the_signature_and_the_link() {
    let world = World::new();
    *world.takes.lock().unwrap() = Duration::from_millis(3_600);
    let (answers, end) = world.serve_frames(vec![frame(&vote(1, 1, 1)), frame(&Ask::Ping)]);
    assert!(answers.is_empty(), "{answers:?}");
    assert!(matches!(end, End::Late), "{end}");
    *world.takes.lock().unwrap() = Duration::ZERO;
    // It counts as released: the same bytes again, no others.
    let answers = world.serve(&[vote(1, 2, 1), vote(1, 1, 1)]);
    assert_eq!((code(&answers[0]), code(&answers[1])), (4, 0));
}

#[test]
fn a_wall_clock_that_jumps_alone_is_a_pause_too() {
    // A paused virtual machine: the clocks of the system stood still, only the wall clock tells.
    let world = World::new();
    *world.jumps.lock().unwrap() = Duration::from_secs(60);
    let (answers, end) = world.serve_frames(vec![frame(&vote(1, 1, 1))]);
    assert!(
        answers.is_empty() && matches!(end, End::Late),
        "{answers:?} {end}"
    );
}

#[test]
fn a_stop_in_the_last_moment_before_a_reply_is_sent_is_a_pause_too() {
    let world = World::new();
    *world.seals.lock().unwrap() = Duration::from_millis(3_600);
    let (answers, end) = world.serve_frames(vec![frame(&vote(1, 1, 1))]);
    assert!(
        answers.is_empty() && matches!(end, End::Late),
        "{answers:?} {end}"
    );
}

#[test]
fn a_slow_device_in_time_is_waited_for() {
    let world = World::new();
    *world.takes.lock().unwrap() = Duration::from_millis(1_700);
    assert_eq!(code(&world.serve(&[vote(1, 1, 1)])[0]), 0);
}

#[test]
fn what_cannot_be_answered_ends_the_link() {
    let world = World::new();
    let (answers, end) =
        world.serve_frames(vec![b"GET / HTTP/1.1\r\n".to_vec(), frame(&Ask::Ping)]);
    assert!(answers.is_empty());
    assert!(matches!(end, End::Malformed(_)), "{end}");
}

#[test]
fn an_unarmed_chain_answers_all_the_same() {
    let key = key(1).public_key();
    let why = "there is no state file".to_owned();
    let unarmed = World {
        chain: Chain::unarmed(chain_id(), Some(key.clone()), why),
        ..World::new()
    };
    let answers = unarmed.serve(&[
        Ask::Ping,
        Ask::PublicKey("test-1".to_owned()),
        vote(1, 1, 1),
    ]);
    assert_eq!(answers[1], Answer::PublicKey(key));
    assert_eq!(code(&answers[2]), 9);
    let Answer::Error(error) = &answers[2] else {
        panic!()
    };
    assert!(
        error.description.contains("no state file"),
        "{}",
        error.description
    );
    let keyless = World {
        chain: Chain::unarmed(chain_id(), None, "no key".to_owned()),
        ..World::new()
    };
    let answers = keyless.serve(&[Ask::PublicKey("test-1".to_owned())]);
    assert_eq!(code(&answers[0]), 21);
}

#[test]
fn extensions_follow_the_setting() {
    let signed = |setting, skip| {
        let world = World::with(Settings {
            sign_extensions: setting,
            ..Settings::default()
        });
        let mut request = maker().precommit(1, 0, Some(1), 1, b"data");
        if let tmkms::request::Message::Precommit(vote) = &mut request.message {
            vote.block.as_mut().unwrap().1.skip = skip;
        }
        // Twice: a replay carries the extension's signature, too.
        let answers = world.serve(&[Ask::Sign(request.clone()), Ask::Sign(request)]);
        assert_eq!(answers[0], answers[1]);
        let Answer::Signed {
            extension_signature,
            ..
        } = &answers[0]
        else {
            panic!("{answers:?}")
        };
        extension_signature.is_some()
    };
    assert!(signed(SignExtensions::Auto, false));
    assert!(!signed(SignExtensions::Auto, true));
    assert!(signed(SignExtensions::Always, true));
    assert!(!signed(SignExtensions::Never, false));
}

/// A chain that signs raw bytes within a policy, or none.
fn raw(policy: Option<RawPolicy>, asks: &[RawRequest]) -> Vec<Answer> {
    let world = World::signing_raw(Settings::default(), policy);
    let asks: Vec<Ask> = asks.iter().cloned().map(Ask::Raw).collect();
    world.serve(&asks)
}

#[test]
fn raw_bytes_are_signed_only_where_allowed_and_never_a_vote() {
    let plain = RawRequest {
        first: b"plain".to_vec(),
        ..RawRequest::default()
    };
    let vote = RawRequest {
        first: maker()
            .prevote(1, 0, Some(1), 1)
            .sign_bytes()
            .as_slice()
            .to_vec(),
        ..RawRequest::default()
    };
    let v1 = RawPolicy {
        dialect: Dialect::CometbftV1,
        max_bytes: 1_000,
    };
    let error = |answer: &Answer| match answer {
        Answer::Error(error) => error.description.clone(),
        other => panic!("{other:?}"),
    };
    let answers = raw(None, &[plain.clone(), vote.clone()]);
    for answer in &answers {
        assert!(error(answer).contains("not told to sign any"));
    }
    let answers = raw(Some(v1), &[vote, plain.clone()]);
    assert!(error(&answers[0]).contains("sign bytes of a vote"));
    let Answer::RawSigned(signature) = &answers[1] else {
        panic!("{answers:?}")
    };
    assert!(key(1).public_key().verify(b"plain", signature));
    let celestia = RawPolicy {
        dialect: Dialect::Celestia {
            ids: ["fibre".to_owned()].into(),
        },
        max_bytes: 1_000,
    };
    let good = RawRequest {
        first: chain_id().as_str().as_bytes().to_vec(),
        second: vec![1, 2, 3],
        third: b"fibre".to_vec(),
    };
    let other = RawRequest {
        third: b"votes".to_vec(),
        ..good.clone()
    };
    let answers = raw(Some(celestia), &[plain, other, good.clone()]);
    assert!(error(&answers[0]).contains("dialect"));
    assert!(error(&answers[1]).contains("\"votes\""));
    let Answer::RawSigned(signature) = &answers[2] else {
        panic!("{answers:?}")
    };
    let bytes = [b"COMET::RAW_BYTES::SIGN".to_vec(), good.delimited()].concat();
    assert!(key(1).public_key().verify(&bytes, signature));
}

#[test]
fn a_service_that_stops_takes_no_new_request() {
    let world = World::new();
    let mut link = Script {
        clock: world.clock.clone(),
        frames: vec![frame(&vote(1, 1, 1))].into(),
        current: Vec::new(),
        prepared: Vec::new(),
        written: Vec::new(),
        seals: Duration::ZERO,
        before: Box::new(|_| {}),
    };
    let hand = InFlight::default();
    hand.stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let end = serve(
        &mut link,
        &world.chain,
        &NodeTerms::default(),
        &hand,
        &world.clock,
        &world.events,
    );
    assert!(matches!(end, End::Stopped) && link.written.is_empty());
    assert!(!hand.busy.load(std::sync::atomic::Ordering::SeqCst));
}

/// What passes of each clock while everybody stands still.
fn stands_still(clock: &StillClock, [monotonic, boot, wall]: [u64; 3]) {
    let mut now = clock.0.lock().unwrap();
    now.monotonic += Duration::from_secs(monotonic);
    now.boot += Duration::from_secs(boot);
    now.wall += Duration::from_secs(wall);
}

#[test]
fn what_waited_while_everybody_stood_still_is_not_answered_and_uses_nothing_up() {
    // A stopped process, a suspended host, a paused virtual machine whose clock was set at its resumption.
    for clocks in [[6, 6, 6], [0, 6, 6], [0, 0, 6]] {
        let world = World::new();
        let hand = InFlight::with(Arc::new(Beat::new(&world.clock.now())));
        let before = move |clock: &StillClock| stands_still(clock, clocks);
        let (answers, end) = world.serve_over(&hand, vec![frame(&vote(1, 1, 1))], before);
        assert!(
            answers.is_empty() && matches!(end, End::Paused),
            "{answers:?} {end}"
        );
        assert_eq!(world.disk.watermark(), Watermark::Never);
        // Another vote for the place may be signed over the next link.
        let (answers, _) = world.serve_over(&hand, vec![frame(&vote(1, 2, 1))], |_| {});
        assert_eq!(code(&answers[0]), 0);
    }
}

#[test]
fn a_pause_that_the_beat_noticed_first_ends_the_link_too_and_the_one_beside_it() {
    let world = World::new();
    let beat = Arc::new(Beat::new(&world.clock.now()));
    let (one, two) = (InFlight::with(beat.clone()), InFlight::with(beat.clone()));
    two.begin_link();
    let before = move |clock: &StillClock| {
        stands_still(clock, [6, 6, 6]);
        assert!(beat.strike(&clock.now()));
    };
    let (answers, end) = world.serve_over(&one, vec![frame(&vote(1, 1, 1))], before);
    assert!(answers.is_empty() && matches!(end, End::Paused), "{end}");
    assert!(two.was_paused());
}

#[test]
fn a_short_stop_costs_no_vote_but_counts_towards_the_deadline() {
    let world = World::new();
    let stop = |clock: &StillClock| stands_still(clock, [2, 2, 2]);
    let hand = || InFlight::with(Arc::new(Beat::new(&world.clock.now())));
    let (answers, _) = world.serve_over(&hand(), vec![frame(&vote(1, 1, 1))], stop);
    assert_eq!(code(&answers[0]), 0);
    // Two seconds in the socket, and two at the device: 3.5 s are gone.
    *world.takes.lock().unwrap() = Duration::from_secs(2);
    let (answers, end) = world.serve_over(&hand(), vec![frame(&vote(2, 1, 1))], stop);
    assert!(answers.is_empty() && matches!(end, End::Late), "{end}");
    // Without the stop the same device is in time.
    let (answers, _) = world.serve_over(&hand(), vec![frame(&vote(3, 1, 1))], |_| {});
    assert_eq!(code(&answers[0]), 0);
}
