//! What the commits of a chain say decides what is signed: a state that is behind, and a second signer with the same key.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::{Listener, Node};

use crate::support::fake_rpc::{FakeRpc, Mood, Vote};
use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::http::wait_for;
use crate::support::maker;
use crate::support::world::World;

const PAUSED: i32 = 13;
const BELOW_FLOOR: i32 = 16;
const AWAITS: i32 = 17;

/// A host whose key has signed elsewhere, with a state of its own at height 2.
struct Late {
    home: Home,
    listener: Listener,
    /// What the key has signed elsewhere, up to height 20.
    votes: BTreeMap<i64, Vote>,
}

impl Late {
    fn new() -> Self {
        let mut world = World::signing();
        let votes = (2..=20).map(|height| (height, vote(&mut world.node, height)));
        let votes = votes.collect();
        let listener = Listener::tcp().unwrap();
        let address = listener.address().unwrap();
        let home = world.home.with_a_copy_of_the_key(&[address]);
        // Two with one key do not run on one host.
        drop(world);
        let init = ["state", "init", "test-1", "--height", "2"];
        let (code, text) = home.run(&init);
        assert_eq!(code, 0, "{text}");
        Self {
            home,
            listener,
            votes,
        }
    }

    /// A node whose chain is at this height, with our votes up to another.
    fn rpc(&self, mood: Mood, latest: i64, signed: i64) -> FakeRpc {
        let rpc = FakeRpc::start(self.home.key.clone(), mood);
        rpc.set(|chain| {
            chain.latest = latest;
            chain.votes = self.until(signed);
        });
        rpc
    }

    fn until(&self, height: i64) -> BTreeMap<i64, Vote> {
        let votes = self.votes.iter();
        let votes = votes.filter(|(at, _)| **at <= height);
        votes.map(|(at, vote)| (*at, vote.clone())).collect()
    }

    fn with(&self, rpc: &[&FakeRpc], lines: &str) {
        let urls: Vec<String> = rpc.iter().map(|rpc| rpc.url()).collect();
        let lines = format!("[[chain]]\nrpc = {urls:?}\n{lines}\n");
        let text = self.home.config().replacen("[[chain]]\n", &lines, 1);
        self.home.configure(&text);
    }

    fn start(&self) -> (Running, Node) {
        let service = self.home.start();
        (service, self.listener.accept(PATIENCE).unwrap())
    }

    fn signs(&self, node: &mut Node, height: i64) -> bool {
        sign(node, &self.home.key, height, 1)
    }
}

fn vote(node: &mut Node, height: i64) -> Vote {
    let request = maker().precommit(height, 0, Some(1), height, b"");
    let block = *request.block().unwrap();
    match node.ask(&Ask::Sign(request)).unwrap() {
        Answer::Signed { signature, .. } => Vote { block, signature },
        other => panic!("{other:?}"),
    }
}

/// The code of a refusal; 0 where it is signed.
fn code(node: &mut Node, height: i64) -> i32 {
    match node.ask(&Ask::Sign(maker().prevote(height, 0, Some(1), 1))) {
        Ok(Answer::Error(error)) => error.code,
        Ok(Answer::Signed { .. }) => 0,
        other => panic!("height {height}: {other:?}"),
    }
}

#[test]
fn a_state_that_is_behind_signs_nothing_that_was_signed_before() {
    let late = Late::new();
    let rpc = late.rpc(Mood::Silent, 9, 7);
    late.with(&[&rpc], "floor = \"refuse\"");
    let (service, mut node) = late.start();
    // Nobody answers, so nothing is signed, and it is not called ready.
    assert_eq!(code(&mut node, 20), AWAITS);
    let (ready, text) = late.home.run(&["status", "--ready"]);
    assert_ne!(ready, 0, "{text}");
    assert!(text.contains("no node of `rpc` has told yet"), "{text}");
    rpc.set(|chain| chain.mood = Mood::Honest);
    service.wait_for_log("the chain was heard: signing begins");
    for height in [3, 7] {
        assert_eq!(code(&mut node, height), BELOW_FLOOR);
    }
    assert!(late.signs(&mut node, 8));
    service.wait_for_log(
        "the watermark is at 2, and the commits of the chain show votes of this key up to height 7",
    );
    let (ready, text) = late.home.run(&["status", "--ready"]);
    assert_eq!(ready, 0, "{text}");
}

#[test]
fn a_floor_that_only_warns_says_both_heights_and_signs() {
    let late = Late::new();
    let rpc = late.rpc(Mood::Honest, 9, 7);
    late.with(&[&rpc], "");
    let (service, mut node) = late.start();
    service
        .wait_for_log("Nothing is refused for it; `floor = \"refuse\"` would refuse up to there");
    assert!(late.signs(&mut node, 3));
}

#[test]
fn a_state_that_was_behind_is_told_although_signing_had_begun_before_the_answer() {
    let late = Late::new();
    let rpc = late.rpc(Mood::Stops, 9, 7);
    late.with(&[&rpc], "");
    let (service, mut node) = late.start();
    assert!(late.signs(&mut node, 9));
    rpc.set(|chain| (chain.mood, chain.latest) = (Mood::Honest, 10));
    service.wait_for_log(
        "the watermark was at 2 when this chain was armed, and the commits of the chain show votes of this key up to height 7 \
         that were not made here since",
    );
    service.wait_for_log("Signing had begun at height 9 before the nodes of `rpc` said so");
    assert!(late.signs(&mut node, 10));
}

#[test]
fn the_last_vote_is_looked_for_below_the_newest_hundred() {
    let late = Late::new();
    let rpc = late.rpc(Mood::Honest, 130, 20);
    late.with(&[&rpc], "floor = \"refuse\"");
    let (service, mut node) = late.start();
    service.wait_for_log(
        "the watermark is at 2, and the commits of the chain show votes of this key up to height 20: up to there nothing is signed",
    );
    assert_eq!(code(&mut node, 20), BELOW_FLOOR);
    assert!(late.signs(&mut node, 131));
    let heard = rpc.chain.lock().unwrap().heard.join("\n");
    assert!(heard.contains("/commit?height=20 ") && !heard.contains("/commit?height=19 "));
}

#[test]
fn a_node_that_does_not_answer_for_old_votes_is_used_for_new_ones_and_off_asks_for_none() {
    for (floor, asked) in [("warn", 1), ("off", 0)] {
        let late = Late::new();
        let rpc = late.rpc(Mood::Honest, 130, 20);
        rpc.set(|chain| chain.limited_below = 30);
        late.with(&[&rpc], &format!("floor = {floor:?}"));
        let (service, mut node) = late.start();
        let heard = |of: &str| {
            let chain = rpc.chain.lock().unwrap();
            chain.heard.iter().filter(|head| head.contains(of)).count()
        };
        wait_for("the newest", || heard("/commit?height=129 ") == 1);
        // The power is asked for before what lies below; then come some turns.
        wait_for("the power", || heard("/validators?") > 0);
        let turns = heard("/status ");
        wait_for("three turns", || heard("/status ") >= turns + 3);
        assert_eq!(heard("/commit?height=29 "), asked, "{floor}");
        assert!(!service.log().contains("is not used"), "{}", service.log());
        assert!(late.signs(&mut node, 131));
    }
}

#[test]
fn nobody_who_answers_holds_up_what_does_not_wait() {
    let late = Late::new();
    let rpc = late.rpc(Mood::Silent, 9, 7);
    late.with(&[&rpc], "");
    let (service, mut node) = late.start();
    assert!(late.signs(&mut node, 3));
    // Ten seconds are in time.
    thread::sleep(Duration::from_secs(5));
    service.wait_for_log("it is signed without that");
}

#[test]
fn votes_that_are_not_of_this_key_and_one_endpoint_of_three_raise_no_floor() {
    let late = Late::new();
    let nodes = [
        late.rpc(Mood::Honest, 9, 2),
        late.rpc(Mood::Forges, 9, 7),
        // It shows what the other has not, and which is true: one of two is no majority.
        late.rpc(Mood::Honest, 9, 7),
    ];
    late.with(&nodes.each_ref(), "floor = \"refuse\"");
    let (service, mut node) = late.start();
    wait_for("signing", || code(&mut node, 3) != AWAITS);
    assert!(late.signs(&mut node, 4), "{}", service.log());
    let config = late.home.config();
    late.home
        .configure(&config.replace("floor = \"refuse\"", "floor = \"off\""));
    let (status, text) = late.home.run(&["reload"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("`floor` or `doppelganger` changed"), "{text}");
    assert!(!service.log().contains("up to there nothing is signed"));
}

#[test]
fn new_blocks_are_watched_before_the_first_signature() {
    let late = Late::new();
    let rpc = late.rpc(Mood::Honest, 9, 2);
    late.with(&[&rpc], "doppelganger_blocks = 2");
    let (service, mut node) = late.start();
    service.wait_for_log("2 more new blocks to be watched");
    assert_eq!(code(&mut node, 10), AWAITS);
    rpc.set(|chain| chain.latest = 11);
    service.wait_for_log("1 more new block to be watched");
    assert_eq!(code(&mut node, 12), AWAITS);
    rpc.set(|chain| chain.latest = 12);
    service.wait_for_log("the chain was heard: signing begins");
    assert!(late.signs(&mut node, 13));
}

#[test]
fn a_second_signer_is_noticed_before_the_first_signature_and_the_pause_outlasts_a_restart() {
    let late = Late::new();
    let rpc = late.rpc(Mood::Honest, 9, 2);
    late.with(&[&rpc], "doppelganger_blocks = 5");
    let (service, mut node) = late.start();
    service.wait_for_log("5 more new blocks to be watched");
    assert_eq!(code(&mut node, 10), AWAITS);
    rpc.set(|chain| {
        chain.votes.insert(10, late.votes[&10].clone());
        chain.latest = 11;
    });
    service.wait_for_log("ANOTHER SIGNER HAS THIS KEY: the commit of height 10");
    wait_for("the pause", || code(&mut node, 12) == PAUSED);
    drop((service, node));
    let (_service, mut node) = late.start();
    assert_eq!(code(&mut node, 13), PAUSED);
    // Who resumes is asked whether nobody else signs.
    let (status, text) = late.home.run(&["resume", "test-1"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("--nobody-else-signs"), "{text}");
    let (_, text) = late.home.run(&["status"]);
    let why = "another signer has this key: it signed at height 10";
    assert!(text.contains(why), "{text}");
    let (_, metrics) = late.home.run(&["status", "--json"]);
    assert!(
        metrics.contains("\"second_signer_height\": null"),
        "{metrics}"
    );
}

#[test]
fn a_second_signer_that_begins_later_is_noticed_and_our_own_votes_are_not() {
    for (lines, expected) in [("", PAUSED), ("doppelganger = \"warn\"", 0)] {
        let late = Late::new();
        let rpc = late.rpc(Mood::Honest, 9, 2);
        late.with(&[&rpc], lines);
        let (service, mut node) = late.start();
        wait_for("the chain", || rpc.chain.lock().unwrap().heard.len() > 3);
        thread::sleep(Duration::from_secs(1));
        // In a block that is made after the chain was heard.
        let ours = vote(&mut node, 10);
        rpc.set(|chain| {
            chain.votes.insert(10, ours);
            chain.latest = 11;
        });
        thread::sleep(Duration::from_millis(2500));
        assert!(
            !service.log().contains("ANOTHER SIGNER"),
            "{}",
            service.log()
        );
        assert!(late.signs(&mut node, 11));
        rpc.set(|chain| {
            chain.votes.insert(12, late.votes[&12].clone());
            chain.latest = 13;
        });
        service.wait_for_log("ANOTHER SIGNER HAS THIS KEY: the commit of height 12");
        wait_for("the end", || code(&mut node, 13) == expected);
        let (_, text) = late.home.run(&["status"]);
        let told = "another signer has this key: the commit of height 12 has a vote that was not made here; find it and stop it for good; `";
        assert!(text.contains(told), "{text}");
        // Until somebody has seen it; the pause is another thing.
        let (code, text) = late.home.run(&["acknowledge", "test-1"]);
        assert_eq!(
            (code, text.as_str()),
            (
                0,
                "test-1: acknowledged: another signer had this key, and signed at height 12\n"
            )
        );
        let (_, text) = late.home.run(&["status"]);
        assert!(
            !text.contains("another signer has this key: the commit"),
            "{text}"
        );
        let (_, text) = late.home.run(&["acknowledge", "test-1"]);
        assert!(
            text.contains("no refused double sign or second signer to acknowledge"),
            "{text}"
        );
        service.wait_for_log("acknowledged: another signer had this key");
    }
}

#[test]
fn what_a_reload_changes_holds_up_no_chain_that_signs() {
    let late = Late::new();
    let before = late.home.config();
    let (service, mut node) = late.start();
    assert!(late.signs(&mut node, 3));
    let rpc = late.rpc(Mood::Silent, 9, 7);
    late.with(&[&rpc], "floor = \"refuse\"\ndoppelganger_blocks = 3");
    let (status, text) = late.home.run(&["reload"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(text, "test-1: `rpc` changed\n");
    thread::sleep(Duration::from_secs(1));
    assert!(late.signs(&mut node, 4), "{}", service.log());
    late.home.configure(&before);
    let (status, text) = late.home.run(&["reload"]);
    assert_eq!(status, 0, "{text}");
    assert!(late.signs(&mut node, 5));
}

#[test]
fn whoever_took_a_chain_over_is_no_second_signer() {
    let late = Late::new();
    let rpc = late.rpc(Mood::Honest, 9, 2);
    late.with(&[&rpc], "");
    let (service, mut node) = late.start();
    wait_for("the chain", || rpc.chain.lock().unwrap().heard.len() > 3);
    thread::sleep(Duration::from_secs(1));
    assert!(late.signs(&mut node, 10));
    let words = ["pause", "test-1", "--at", "12", "--why", "hand-over"];
    let (status, text) = late.home.run(&words);
    assert_eq!(status, 0, "{text}");
    rpc.set(|chain| {
        chain.votes.insert(12, late.votes[&12].clone());
        chain.latest = 13;
    });
    service.wait_for_log("another signer goes on with this key: the commit of height 12");
    assert!(!service.log().contains("ANOTHER SIGNER"));
    // The pause is the operator's still.
    let (_, text) = late.home.run(&["status"]);
    assert!(text.contains("from height 12 on (hand-over)"), "{text}");
}

#[test]
fn a_key_that_is_opened_anew_waits_where_it_waited() {
    let late = Late::new();
    let rpc = late.rpc(Mood::Silent, 9, 7);
    late.with(&[&rpc], "floor = \"refuse\"");
    let (_service, mut node) = late.start();
    assert_eq!(code(&mut node, 8), AWAITS);
    let from = late.home.path().join("consensus.key");
    std::fs::copy(&from, late.home.path().join("moved.key")).unwrap();
    let config = late.home.config().replace("consensus.key", "moved.key");
    late.home.configure(&config);
    let mut node = thread::scope(|scope| {
        let reload = scope.spawn(|| late.home.run(&["reload"]));
        let node = late.listener.accept(PATIENCE).unwrap();
        let (status, text) = reload.join().unwrap();
        assert_eq!(status, 0, "{text}");
        node
    });
    assert_eq!(code(&mut node, 8), AWAITS);
}

#[test]
fn a_second_signer_in_step_is_known_by_another_vote_at_a_height_that_was_signed_here() {
    let late = Late::new();
    let rpc = late.rpc(Mood::Honest, 9, 2);
    late.with(&[&rpc], "");
    let (service, mut node) = late.start();
    wait_for("the chain", || rpc.chain.lock().unwrap().heard.len() > 3);
    // The same block, signed a moment later, is another message.
    let request = maker().precommit(10, 0, Some(1), 11, b"");
    let answer = node.ask(&Ask::Sign(request)).unwrap();
    assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
    assert!(late.signs(&mut node, 11));
    rpc.set(|chain| {
        chain.votes.insert(10, late.votes[&10].clone());
        chain.latest = 11;
    });
    service.wait_for_log("ANOTHER SIGNER HAS THIS KEY: the commit of height 10");
    wait_for("the pause", || code(&mut node, 12) == PAUSED);
}
