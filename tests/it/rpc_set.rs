//! Our place in the set of validators, however large that is and whatever a node says of it; and why we are in none.

use std::time::{Duration, Instant};

use serde_json::Value;

use tmkms::consensus::KeyType;
use tmkms::harness::Listener;

use crate::key_types;
use crate::rpc::{ask_these, rpc, vote};
use crate::support::fake_rpc::{FakeRpc, Mood};
use crate::support::home::PATIENCE;
use crate::support::http::{address, get, scrape, wait_for, with_metrics};
use crate::support::world::World;

fn asked_for_validators(node: &FakeRpc) -> usize {
    let chain = node.chain.lock().unwrap();
    chain
        .heard
        .iter()
        .filter(|head| head.starts_with("GET /validators?"))
        .count()
}

/// Asks this node alone from now on.
fn ask(world: &World, node: &FakeRpc) {
    ask_these(world, &[node.url()]);
    assert!(world.reload().1.contains("`rpc` changed"));
}

#[test]
fn one_of_ten_thousand_is_found_on_the_last_page_and_looked_for_there_first() {
    let mut world = World::signing();
    let node = FakeRpc::start(world.home.key.clone(), Mood::Honest);
    node.set(|chain| chain.others = 9_999);
    ask(&world, &node);
    wait_for("the power", || rpc(&world)["voting_power"] == 42);
    assert_eq!(asked_for_validators(&node), 100);
    // Each of these blocks has another set, and our vote in none of their commits.
    for height in 2..=5 {
        vote(&mut world, height);
    }
    node.set(|chain| chain.latest = 6);
    wait_for("five heights", || rpc(&world)["newest_height"] == 5);
    assert_eq!(rpc(&world)["uncommitted"], 4);
    assert_eq!(asked_for_validators(&node), 105);
    // And out: all pages once, and not for each block.
    node.set(|chain| {
        chain.in_set = false;
        chain.latest = 9;
    });
    wait_for("outside", || rpc(&world)["outside"] == 3);
    // The hundredth page is there still, without us.
    assert_eq!(asked_for_validators(&node), 205);
}

/// Pages of the longest keys are read, and each type's signature in a commit is known.
#[test]
fn our_vote_is_found_whatever_the_type_of_the_networks_keys() {
    std::thread::scope(|scope| {
        for kind in KeyType::ALL {
            scope.spawn(move || our_vote_is_found_with_a_key_of_type(kind));
        }
    });
}

fn our_vote_is_found_with_a_key_of_type(kind: KeyType) {
    let listener = Listener::tcp().unwrap();
    let home = key_types::home(kind, &listener);
    home.init();
    let node = FakeRpc::start(home.key.clone(), Mood::Honest);
    node.set(|chain| chain.others = 120);
    let text = home.config();
    let rpc_of_chain = format!("[[chain]]\nrpc = [\"{}\"]\n", node.url());
    home.configure(&text.replacen("[[chain]]\n", &rpc_of_chain, 1));
    let service = home.start();
    let mut world = World {
        node: listener.accept(PATIENCE).unwrap(),
        home,
        service,
        listener,
    };
    for height in 1..=3 {
        let vote = vote(&mut world, height);
        node.set(|chain| {
            chain.votes.insert(height, vote);
        });
    }
    wait_for("the power", || rpc(&world)["voting_power"] == 42);
    node.set(|chain| chain.latest = 4);
    wait_for("three heights", || rpc(&world)["newest_height"] == 3);
    let told = rpc(&world);
    assert_eq!(told["committed"], told["window"], "{kind}: {told}");
    assert_eq!(told["signed_height"], 3, "{kind}: {told}");
}

#[test]
fn a_set_whose_pages_take_long_is_looked_through_in_turns_once_for_all_who_ask() {
    let mut world = World::signing();
    let node = FakeRpc::start(world.home.key.clone(), Mood::Honest);
    node.set(|chain| {
        (chain.others, chain.in_set, chain.latest) = (10_000, false, 3);
        chain.page_takes = Duration::from_millis(50);
    });
    vote(&mut world, 2);
    ask(&world, &node);
    wait_for("its place", || rpc(&world)["in_set"] == false);
    wait_for("two heights", || rpc(&world)["newest_height"] == 2);
    assert_eq!(rpc(&world)["uncommitted"], 0);
    let heard = node.chain.lock().unwrap().heard.join("\n");
    let each_turn = heard.split("GET /status ");
    let pages = each_turn.map(|turn| turn.matches("GET /validators?").count());
    let pages: Vec<usize> = pages.collect();
    assert_eq!(pages.iter().sum::<usize>(), 100, "{pages:?}");
    assert!(pages.iter().all(|pages| *pages < 90), "{pages:?}");
}

#[test]
fn what_a_node_says_of_the_size_of_the_set_is_bounded() {
    let mut world = World::signing();
    let lies: [(&str, bool, &str); 4] = [
        ("20000", true, "a page of its validators is empty"),
        ("20001", false, "the number of validators is none"),
        ("-1", false, "the number of validators is none"),
        (
            "4611686018427387904",
            false,
            "the number of validators is none",
        ),
    ];
    let nodes = lies.map(|(total, empty, _)| {
        let node = FakeRpc::start(world.home.key.clone(), Mood::Honest);
        node.set(|chain| {
            chain.total = Some(total.to_owned());
            (chain.others, chain.empty, chain.in_set) = (50, empty, false);
        });
        node
    });
    ask_these(&world, &nodes.each_ref().map(FakeRpc::url));
    assert!(world.reload().1.contains("`rpc` changed"));
    let mut height = 1;
    wait_for("a word of each", || {
        height += 1;
        let began = Instant::now();
        vote(&mut world, height);
        assert!(began.elapsed() < Duration::from_secs(3));
        let told = rpc(&world);
        let all = told["endpoints"].as_array().unwrap().clone();
        all.iter().all(|node| !node["trouble"].is_null())
    });
    let told = rpc(&world);
    for (index, (total, _, words)) in lies.iter().enumerate() {
        let trouble = told["endpoints"][index]["trouble"].as_str().unwrap();
        assert!(trouble.contains(words), "{total}: {trouble}");
        // Nobody is asked for twenty thousand of them.
        assert!(asked_for_validators(&nodes[index]) < 10, "{total}");
    }
    assert!(told["in_set"].is_null(), "{told}");
    // A lie that nobody can see: one of three changes nothing.
    let liar = FakeRpc::start(world.home.key.clone(), Mood::Honest);
    liar.set(|chain| chain.in_set = false);
    let honest = [(); 2].map(|()| FakeRpc::start(world.home.key.clone(), Mood::Honest));
    ask_these(&world, &[liar.url(), honest[0].url(), honest[1].url()]);
    assert!(world.reload().1.contains("`rpc` changed"));
    wait_for("all three", || {
        [&liar, &honest[0], &honest[1]]
            .iter()
            .all(|node| asked_for_validators(node) > 0)
    });
    wait_for("the power", || rpc(&world)["voting_power"] == 42);
}

/// The record as the Cosmos SDK keeps it: address, end of jail, tombstone.
fn record(world: &World, until: u64, tombstoned: bool) -> Vec<u8> {
    let address = world.home.key.address();
    let text = subtle_encoding::bech32::encode("testvalcons", address.as_bytes());
    let mut record = vec![0x0a, u8::try_from(text.len()).unwrap()];
    record.extend(text.as_bytes());
    let mut varint = Vec::new();
    let mut left = until;
    while left > 0x7f {
        varint.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    varint.push(u8::try_from(left).unwrap());
    record.extend([0x22, u8::try_from(varint.len() + 1).unwrap(), 0x08]);
    record.extend(varint);
    if tombstoned {
        record.extend([0x28, 1]);
    }
    record
}

/// What the application keeps, what is said, and the gauge.
type Case = (Option<Vec<u8>>, &'static str, Option<f64>);

#[test]
fn why_a_validator_is_in_no_set_is_said_where_the_application_knows() {
    let world = World::signing();
    with_metrics(&world.home, "listen = \"127.0.0.1:0\"");
    let cases: [Case; 5] = [
        (
            Some(record(&world, 253_402_300_799, true)),
            "tombstoned for a double sign, for ever: its key never validates on this chain again",
            Some(1.0),
        ),
        (
            Some(record(&world, 4_102_444_800, false)),
            "jailed until 2100-01-01T00:00:00Z: find out why",
            Some(0.0),
        ),
        (
            Some(record(&world, 946_684_800, false)),
            "it was jailed until 2000-01-01T00:00:00Z: if nobody",
            Some(0.0),
        ),
        (
            Some(record(&world, 0, false)),
            "it was never jailed for missed blocks",
            Some(0.0),
        ),
        (None, "(jailed, tombstoned or not bonded)", None),
    ];
    for (kept, words, tombstoned) in cases {
        let node = FakeRpc::start(world.home.key.clone(), Mood::Honest);
        node.set(|chain| (chain.in_set, chain.others, chain.slashing) = (false, 4, kept));
        ask(&world, &node);
        wait_for("its place", || rpc(&world)["in_set"] == false);
        let (_, text) = world.home.run(&["status"]);
        assert!(
            text.contains("the validator is not in the validator set") && text.contains(words),
            "{words} in {text}"
        );
        let told = rpc(&world);
        assert_eq!(
            told["tombstoned"],
            tombstoned.map_or(Value::Null, |is| Value::from(is == 1.0)),
            "{told}"
        );
        let place = address(&world.service);
        // Page and metrics are made once a second.
        wait_for("the page", || get(&place, "/").1.contains(words));
        let of = |name: &str| {
            let samples = scrape(&place);
            samples
                .get(&format!("tmkms_{name}{{chain_id=\"test-1\"}}"))
                .copied()
        };
        wait_for("the metrics", || of("validator_tombstoned") == tombstoned);
        assert_eq!(
            of("validator_jailed_until_seconds").is_some(),
            tombstoned.is_some()
        );
    }
}
