//! What the votes say of their nodes and of the chain, in metrics and status: nil votes, rounds, clocks, and who is behind.

use std::time::SystemTime;

use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::http::{address, get, scrape, wait_for, with_metrics};
use crate::support::maker;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::{Listener, Node};
use tmkms::request::SignRequest;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

fn signed(node: &mut Node, request: SignRequest) -> bool {
    let answer = node.ask(&Ask::Sign(request)).unwrap();
    matches!(answer, Answer::Signed { .. })
}

/// A service of one chain, with two nodes.
struct World {
    home: Home,
    service: Running,
    at: String,
    nodes: [(Node, String); 2],
}

impl World {
    fn new() -> Self {
        let listeners = [Listener::tcp().unwrap(), Listener::tcp().unwrap()];
        let addresses = listeners.each_ref().map(|each| each.address().unwrap());
        let home = Home::new(&addresses);
        with_metrics(&home, "listen = \"127.0.0.1:0\"");
        home.init();
        let service = home.start();
        let at = address(&service);
        let nodes = listeners.map(|listener| {
            let name = listener.address().unwrap().to_string();
            (listener.accept(PATIENCE).unwrap(), name)
        });
        Self {
            home,
            service,
            at,
            nodes,
        }
    }

    fn chain(&self, name: &str, labels: &str) -> Option<f64> {
        let labels = match labels {
            "" => "{chain_id=\"test-1\"}".to_owned(),
            _ => format!("{{chain_id=\"test-1\",{labels}}}"),
        };
        scrape(&self.at).get(&format!("{name}{labels}")).copied()
    }

    fn votes(&self, kind: &str, vote: &str, round: &str) -> f64 {
        let labels = format!("type=\"{kind}\",vote=\"{vote}\",round=\"{round}\"");
        self.chain("tmkms_votes_total", &labels).unwrap()
    }

    fn link(&self, name: &str, node: usize) -> Option<f64> {
        self.chain(name, &format!("node=\"{}\"", self.nodes[node].1))
    }

    fn json(&self) -> serde_json::Value {
        let (_, text) = self.home.run(&["status", "--json"]);
        serde_json::from_str(&text).unwrap()
    }
}

#[test]
fn a_chain_that_had_no_vote_is_counted_from_0_and_has_no_clock() {
    let world = World::new();
    for kind in ["prevote", "precommit"] {
        for vote in ["block", "nil"] {
            for round in ["0", "1", "2+"] {
                assert_eq!(world.votes(kind, vote, round), 0.0);
            }
        }
    }
    let found = |name, labels| world.chain(name, labels);
    assert_eq!(found("tmkms_proposal_requests_total", ""), Some(0.0));
    assert_eq!(found("tmkms_clock_distance_seconds_count", ""), Some(0.0));
    for node in 0..2 {
        assert_eq!(world.link("tmkms_clock_unreadable_total", node), Some(0.0));
        for name in [
            "tmkms_clock_skew_seconds",
            "tmkms_link_height",
            "tmkms_link_heights_behind",
        ] {
            assert_eq!(world.link(name, node), None, "{name}");
        }
    }
    let (_, text) = world.home.run(&["status"]);
    assert!(!text.contains("votes"), "{text}");
    assert!(!text.contains("clock is"), "{text}");
}

#[test]
fn votes_are_counted_by_what_they_are_for_and_by_round_and_once() {
    let mut world = World::new();
    let node = &mut world.nodes[0].0;
    let make = maker();
    assert!(signed(node, make.proposal(5, 0, 1, now())));
    for (round, block) in [(0, Some(1)), (1, None), (2, None), (9_999, Some(1))] {
        assert!(signed(node, make.prevote(5, round, block, now())));
        assert!(
            signed(node, make.prevote(5, round, block, now() + 1)),
            "a replay"
        );
        assert!(signed(node, make.precommit(5, round, block, now(), b"")));
    }
    assert!(
        !signed(node, make.prevote(4, 0, None, now())),
        "a regression"
    );
    assert!(!signed(node, make.proposal(4, 0, 1, now())), "a regression");
    wait_for("all of them", || {
        world.votes("precommit", "block", "2+") == 1.0
    });
    for kind in ["prevote", "precommit"] {
        assert_eq!(world.votes(kind, "block", "0"), 1.0, "{kind}");
        assert_eq!(world.votes(kind, "nil", "1"), 1.0, "{kind}");
        assert_eq!(world.votes(kind, "nil", "2+"), 1.0, "{kind}");
        assert_eq!(world.votes(kind, "block", "2+"), 1.0, "{kind}");
        assert_eq!(world.votes(kind, "nil", "0"), 0.0, "{kind}");
    }
    // Four rounds of either kind, and no more series than there are labels for.
    let series = get(&world.at, "/metrics")
        .1
        .matches("\ntmkms_votes_total{")
        .count();
    assert_eq!(series, 12);
    wait_for("the refused proposal", || {
        world.chain("tmkms_proposal_requests_total", "") == Some(2.0)
    });
    let history = world.json()["chains"][0]["history"].clone();
    let votes = serde_json::json!({
        "prevotes": { "block": 2, "nil": 2 }, "precommits": { "block": 2, "nil": 2 },
        "above_round_0": 6, "proposals_asked": 2, "public_key_asked": 0, "late": 0, "answers": 13,
    });
    assert_eq!(history["votes"], votes);
    assert_eq!(history["rounds"], serde_json::json!([0, 0, 0, 0, 9_999]));
    let (_, text) = world.home.run(&["status"]);
    for words in [
        "nil: 2 of 4 prevotes (50.00 %), 2 of 4 precommits (50.00 %)",
        "above round 0: 6 of 8 votes (75.00 %); asked for: 2 proposals, the public key 0 times",
    ] {
        assert!(text.contains(words), "{text}");
        assert!(get(&world.at, "/").1.contains(words));
    }
}

#[test]
fn each_node_has_its_own_clock_and_nothing_senseless_spoils_it() {
    let mut world = World::new();
    let make = maker();
    let [(one, _), (two, _)] = &mut world.nodes;
    assert!(signed(one, make.prevote(1, 0, Some(1), now() + 100)));
    assert!(signed(two, make.prevote(2, 0, Some(1), now() - 7)));
    // Go's zero time, the year 9999, and a clock that was never set.
    for (height, seconds) in (3..).zip([-62_135_596_800, 253_402_300_799, 60]) {
        assert!(signed(one, make.prevote(height, 0, Some(1), seconds)));
    }
    // Who is given what another node had first has a clock, too.
    let given = make.prevote(5, 0, Some(1), now() + 30);
    assert!(signed(two, given.clone()) && signed(two, given), "replays");
    // What is refused, and a proposal, say nothing of one.
    assert!(!signed(two, make.prevote(4, 0, Some(1), now() - 4_000)));
    assert!(signed(two, make.proposal(6, 0, 1, now() - 4_000)));
    let about = |value: Option<f64>, wanted: f64| (value.unwrap() - wanted).abs() < 3.0;
    wait_for("three without a reading", || {
        world.link("tmkms_clock_unreadable_total", 0) == Some(3.0)
    });
    let skew = |node| world.link("tmkms_clock_skew_seconds", node);
    assert!(about(skew(0), 100.0), "{:?}", skew(0));
    assert!(about(skew(1), 30.0), "{:?}", skew(1));
    assert_eq!(world.link("tmkms_clock_unreadable_total", 1), Some(0.0));
    let bucket = |bound| {
        let key =
            format!("tmkms_clock_distance_seconds_bucket{{le=\"{bound}\",chain_id=\"test-1\"}}");
        scrape(&world.at).get(&key).copied()
    };
    assert_eq!((bucket("2.5"), bucket("10.0")), (Some(0.0), Some(1.0)));
    assert_eq!(bucket("300.0"), Some(2.0));
    let links = world.json()["chains"][0]["links"].clone();
    assert!(about(
        links[1]["clock_skew_ms"].as_f64().map(|ms| ms / 1_000.0),
        30.0
    ));
    assert_eq!(links[0]["clock_unreadable"], 3);
    let (_, text) = world.home.run(&["status"]);
    for words in [
        " s ahead of this host's; 3 votes with a time more than a day away",
        " s ahead of this host's\n",
    ] {
        assert!(text.contains(words), "no {words} in {text}");
    }
}

#[test]
fn a_node_that_is_behind_is_told_and_a_stranger_makes_nobody_so() {
    let mut world = World::new();
    let key = world.home.key.clone();
    let [(one, _), (two, _)] = &mut world.nodes;
    assert!(sign(two, &key, 10, 1));
    for height in 11..=30 {
        assert!(sign(one, &key, height, 1));
    }
    let behind = |world: &World, node| world.link("tmkms_link_heights_behind", node);
    wait_for("20 behind", || behind(&world, 1) == Some(20.0));
    assert_eq!(behind(&world, 0), Some(0.0));
    assert_eq!(world.link("tmkms_link_height", 1), Some(10.0));
    // It catches up, and all that it asks for is signed already.
    assert!(!sign(&mut world.nodes[1].0, &key, 25, 1));
    wait_for("5 behind", || behind(&world, 1) == Some(5.0));
    assert_eq!(world.json()["chains"][0]["links"][1]["heights_behind"], 5);
    let words = "at height 25, 5 heights behind what was signed";
    let (_, text) = world.home.run(&["status"]);
    assert!(text.contains(words), "{text}");
    assert!(get(&world.at, "/").1.contains(words));
    // It has gone mad: nobody else is behind for that, and no height is shown that no chain has.
    let far = maker().prevote(1 << 62, 0, Some(1), 1);
    assert!(!signed(&mut world.nodes[1].0, far));
    wait_for("not behind", || behind(&world, 1) == Some(0.0));
    assert_eq!(behind(&world, 0), Some(0.0));
    assert_eq!(world.link("tmkms_link_height", 1), Some(30.0));
    assert_eq!(world.link("tmkms_link_height", 0), Some(30.0));
}

#[test]
fn a_chain_that_stays_keeps_its_numbers_over_a_reload() {
    let mut world = World::new();
    let make = maker();
    let [(one, _), (two, _)] = &mut world.nodes;
    assert!(signed(one, make.prevote(5, 1, None, now() - 50)));
    assert!(!signed(two, make.prevote(3, 0, None, now())));
    wait_for("the vote", || world.votes("prevote", "nil", "1") == 1.0);
    wait_for("2 behind", || {
        world.link("tmkms_link_heights_behind", 1) == Some(2.0)
    });
    let before = world.link("tmkms_clock_skew_seconds", 0);
    assert!(before.is_some());
    // Another setting of the chain, on the same links.
    let config = world.home.config();
    let config = config.replace("[[validator]]\n", "[[validator]]\nmax_height = 900\n");
    world.home.configure(&config);
    let (code, text) = world.home.run(&["reload"]);
    assert!(
        code == 0 && !text.contains("nothing is different"),
        "{text}"
    );
    assert_eq!(world.votes("prevote", "nil", "1"), 1.0);
    assert_eq!(world.link("tmkms_clock_skew_seconds", 0), before);
    assert_eq!(world.link("tmkms_link_heights_behind", 1), Some(2.0));
    assert!(signed(
        &mut world.nodes[0].0,
        make.prevote(6, 1, None, now())
    ));
    wait_for("one more", || world.votes("prevote", "nil", "1") == 2.0);
    drop(world.service);
}
