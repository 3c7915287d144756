//! Nodes that do what none should, against the real program: each gets its answer or loses its link, and the other node
//! of the same chain never notices.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::home::{Home, Running};
use tmkms::codec::node::{self, Answer, Ask};
use tmkms::consensus::PublicKey;
use tmkms::harness::messages::Maker;
use tmkms::harness::{HarnessError, Listener, Node};
use tmkms::request::SignRequest;

const CHAIN: &str = "harness-bad-input";
const PATIENCE: Duration = Duration::from_secs(15);

/// A service with a bad node and a good one.
struct World {
    key: PublicKey,
    service: Running,
    bad: Listener,
    good: Node,
    height: i64,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let bad = Listener::tcp().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let good = Listener::unix(&folder.path().join("good.sock")).unwrap();
        let addresses = [&bad, &good].map(|listener| listener.address().unwrap().to_string());
        let program = Path::new(env!("CARGO_BIN_EXE_tmkms"));
        let home = Home::new(program, folder.path(), CHAIN, &addresses);
        let service = home.start();
        Self {
            key: home.key,
            service,
            bad,
            good: good.accept(PATIENCE).unwrap(),
            height: 0,
            _folder: folder,
        }
    }

    fn bad(&self) -> Node {
        self.bad.accept(PATIENCE).unwrap()
    }

    /// A vote at the next height.
    fn vote(&mut self) -> SignRequest {
        self.height += 1;
        maker().prevote(self.height, 0, Some(1), self.height)
    }

    fn is_signed(&self, request: &SignRequest, answer: &Answer) {
        match answer {
            Answer::Signed { signature, .. } => {
                assert!(self.key.verify(request.sign_bytes().as_slice(), signature));
            }
            other => panic!("{other:?}"),
        }
    }

    /// The good node signs on its first link, at once.
    fn the_other_signs(&mut self) {
        let vote = self.vote();
        let began = Instant::now();
        let answer = self.good.ask(&Ask::Sign(vote.clone())).unwrap();
        self.is_signed(&vote, &answer);
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
    }

    /// The bad node is dialled again, and signs when it behaves.
    fn it_is_forgiven(&mut self) {
        let mut node = self.bad();
        let vote = self.vote();
        let answer = node.ask(&Ask::Sign(vote.clone())).unwrap();
        self.is_signed(&vote, &answer);
        assert!(self.service.lives());
    }
}

fn maker() -> Maker {
    Maker::new(CHAIN.parse().unwrap())
}

fn bytes(ask: &Ask) -> Vec<u8> {
    let mut out = Vec::new();
    node::encode(ask, &mut out);
    out
}

/// The service ends the link, with no answer before.
fn is_left(node: &mut Node) {
    match node.receive() {
        Err(HarnessError::Link(error)) => assert!(error.code().starts_with("closed"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_that_asks_the_wrong_chain_is_answered_each_time() {
    let mut world = World::new();
    let mut node = world.bad();
    let other = Maker::new("harness-elsewhere".parse().unwrap());
    for height in 1..50 {
        let asks = [
            Ask::PublicKey("harness-elsewhere".to_owned()),
            Ask::Sign(other.proposal(height, 0, 1, 1)),
            Ask::Sign(other.prevote(height, 0, Some(1), 1)),
            Ask::Sign(other.precommit(height, 0, None, 1, b"")),
        ];
        for ask in asks {
            match node.ask(&ask).unwrap() {
                Answer::Error(error) => assert!(
                    error.description.contains("harness-elsewhere")
                        && error.description.contains(CHAIN),
                    "{}",
                    error.description
                ),
                other => panic!("{ask:?}: {other:?}"),
            }
        }
    }
    // Nothing was used up, and the link is the same.
    let vote = world.vote();
    let answer = node.ask(&Ask::Sign(vote.clone())).unwrap();
    world.is_signed(&vote, &answer);
    world.the_other_signs();
}

#[test]
fn garbage_after_the_handshake_ends_the_link_and_nothing_else() {
    let mut world = World::new();
    let garbage: [&[u8]; 6] = [
        // Text of another protocol; `G` announces 71 bytes.
        b"GET /status HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a-health-check\r\nAccept: */*\r\n\r\n",
        // A length that is not a number.
        &[0xff; 64],
        // A frame above the ceiling.
        &[0x80, 0x80, 0x80, 0x80, 0x04, 0],
        // A frame that is not a protobuf.
        &[4, 0xff, 0xff, 0xff, 0xff],
        // An empty message.
        &[0],
        // A reply where a request is expected.
        &[2, 0x42, 0],
    ];
    for bytes in garbage {
        let mut node = world.bad();
        node.send_raw(bytes).unwrap();
        is_left(&mut node);
        world.the_other_signs();
    }
    world.it_is_forgiven();
}

#[test]
fn requests_that_do_not_wait_for_answers_are_answered_in_order() {
    let mut world = World::new();
    let mut node = world.bad();
    // All in one write.
    let votes: Vec<SignRequest> = (0..20).map(|_| world.vote()).collect();
    let mut all = Vec::new();
    for vote in &votes {
        all.extend(bytes(&Ask::Sign(vote.clone())));
        all.extend(bytes(&Ask::Ping));
    }
    node.send_raw(&all).unwrap();
    for vote in &votes {
        let answer = node.receive().unwrap();
        world.is_signed(vote, &answer);
        assert_eq!(node.receive().unwrap(), Answer::Pong);
    }
    // Two for one place: one signature, whatever came first in time.
    let first = world.vote();
    let second = maker().prevote(world.height, 0, Some(2), world.height);
    node.send(&Ask::Sign(first.clone())).unwrap();
    node.send(&Ask::Sign(second)).unwrap();
    let answer = node.receive().unwrap();
    world.is_signed(&first, &answer);
    assert!(matches!(node.receive().unwrap(), Answer::Error(_)));
    // A second request and no interest in the answers.
    for _ in 0..3 {
        let vote = world.vote();
        node.send(&Ask::Sign(vote.clone())).unwrap();
        node.send(&Ask::Sign(vote)).unwrap();
        drop(node);
        node = world.bad();
    }
    world.the_other_signs();
}

#[test]
fn a_node_that_stops_in_mid_frame_loses_its_link_after_five_seconds() {
    let mut world = World::new();
    let mut node = world.bad();
    let vote = world.vote();
    let request = bytes(&Ask::Sign(vote));
    node.send_raw(&request[..request.len() / 2]).unwrap();
    let began = Instant::now();
    for _ in 0..5 {
        world.the_other_signs();
    }
    is_left(&mut node);
    let took = began.elapsed();
    assert!(
        took > Duration::from_secs(4) && took < Duration::from_secs(8),
        "{took:?}"
    );
    world.it_is_forgiven();
    // One who hangs up in mid-frame is left at once.
    let mut node = world.bad();
    node.send_raw(&request[..request.len() / 2]).unwrap();
    drop(node);
    world.it_is_forgiven();
}

#[test]
fn a_flood_of_accepts_and_closes_costs_nothing() {
    // Accepts and closes, before and after the handshake, for as long as the service dials.
    let flood = TcpListener::bind("127.0.0.1:0").unwrap();
    flood.set_nonblocking(true).unwrap();
    let address = flood.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let listener = Listener::unix(&folder.path().join("bad.sock")).unwrap();
    let good = Listener::unix(&folder.path().join("good.sock")).unwrap();
    let addresses = [
        format!("tcp://{address}"),
        listener.address().unwrap().to_string(),
        good.address().unwrap().to_string(),
    ];
    let program = Path::new(env!("CARGO_BIN_EXE_tmkms"));
    let home = Home::new(program, folder.path(), CHAIN, &addresses);
    let service = home.start();
    let mut world = World {
        key: home.key,
        service,
        bad: listener,
        good: good.accept(PATIENCE).unwrap(),
        height: 0,
        _folder: folder,
    };
    let (began, mut dialled) = (Instant::now(), 0);
    let mut held = None;
    while began.elapsed() < Duration::from_secs(3) {
        while let Ok((stream, _)) = flood.accept() {
            drop(stream);
            dialled += 1;
        }
        if let Ok(node) = world.bad.accept(Duration::ZERO) {
            drop(node);
            dialled += 1;
        }
        world.the_other_signs();
        if began.elapsed() > Duration::from_secs(1) {
            let now = world.service.held();
            let first = *held.get_or_insert(now);
            assert!(now.threads <= first.threads, "{first:?} {now:?}");
            // The two that are being dialled come and go, each with a second handle that closes it.
            assert!(
                now.descriptors <= first.descriptors + 4,
                "{first:?} {now:?}"
            );
            assert!(now.resident <= first.resident + 1024, "{first:?} {now:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // At once, then after 0.1, 0.2, 0.4, 0.8 and 1 s: a node that hangs up is not hammered.
    assert!(
        (6..=20).contains(&dialled),
        "{dialled} dials of two nodes in 3 s"
    );
    let log = world.service.log();
    let lines = log.lines().filter(|line| !line.contains("signed prevote"));
    assert!(lines.count() < 12, "{log}");
    world.it_is_forgiven();
}
