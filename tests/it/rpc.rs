//! The chain itself is asked whether our votes are in its commits: what it says is told everywhere, and whatever a node answers
//! or does not, votes are signed as ever.

use std::time::{Duration, Instant};

use serde_json::Value;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::Node;
use tmkms::harness::messages::Maker;

use crate::support::fake_rpc::{FakeRpc, Mood, Vote};
use crate::support::home::{Home, PATIENCE, sign};
use crate::support::http::{address, get, scrape, wait_for, with_metrics};
use crate::support::load;
use crate::support::maker;
use crate::support::world::World;

/// Prevote and precommit of a height; the precommit as it would stand in a commit.
pub(crate) fn vote(world: &mut World, height: i64) -> Vote {
    assert!(sign(&mut world.node, &world.home.key, height, 1));
    let request = maker().precommit(height, 0, Some(1), height, b"");
    let block = *request.block().unwrap();
    match world.node.ask(&Ask::Sign(request)).unwrap() {
        Answer::Signed { signature, .. } => Vote { block, signature },
        other => panic!("{other:?}"),
    }
}

pub(crate) fn rpc(world: &World) -> Value {
    let (_, text) = world.home.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    status["chains"][0]["rpc"].clone()
}

pub(crate) fn ask_these(world: &World, urls: &[String]) {
    let text = world.home.config();
    let lines = text.lines().filter(|line| !line.starts_with("rpc = "));
    let text = lines.map(|line| format!("{line}\n")).collect::<String>();
    let text = match urls {
        [] => text,
        urls => text.replacen("[[chain]]\n", &format!("[[chain]]\nrpc = {urls:?}\n"), 1),
    };
    world.home.configure(&text);
}

#[test]
fn a_vote_that_was_signed_and_is_not_in_the_commit_is_told_everywhere() {
    let mut world = World::signing();
    let node = FakeRpc::start(world.home.key.clone(), Mood::Honest);
    let hangs = FakeRpc::start(world.home.key.clone(), Mood::Silent);
    with_metrics(&world.home, "listen = \"127.0.0.1:0\"");
    ask_these(&world, &[node.url(), hangs.url()]);
    let (_, text) = world.reload();
    assert!(text.contains("test-1: `rpc` changed\n"), "{text}");
    wait_for("the first height", || rpc(&world)["since_height"] == 1);
    for height in 2..=9 {
        let vote = vote(&mut world, height);
        // Two of them come too late.
        if ![5, 6].contains(&height) {
            node.set(|chain| {
                chain.votes.insert(height, vote);
            });
        }
    }
    node.set(|chain| chain.latest = 10);
    wait_for("nine heights", || rpc(&world)["newest_height"] == 9);
    let told = rpc(&world);
    let counts = ["committed", "nil", "uncommitted", "absent", "outside"];
    let counts = counts.map(|name| told[name].as_i64().unwrap());
    // At the first height only a prevote was signed.
    assert_eq!(counts, [6, 0, 2, 1, 0], "{told}");
    assert_eq!(told["uncommitted_heights"], serde_json::json!([5, 6]));
    assert_eq!(told["signed_height"], 9);
    assert_eq!(
        (&told["window"], &told["window_missed"]),
        (&9.into(), &3.into())
    );
    assert_eq!(
        (&told["voting_power"], &told["in_set"]),
        (&42.into(), &true.into())
    );
    let (_, text) = world.home.run(&["status"]);
    for words in [
        "look at test-1: of the last 9 commits, 3 lack the vote",
        "chain      height 10, 1 of 2 nodes answer, voting power 42",
        "signed and not committed at 5, 6",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let place = address(&world.service);
    let (_, page) = get(&place, "/");
    assert_eq!(
        page.matches("<i class=\"uncommitted\"").count(),
        3,
        "two, and the legend"
    );
    assert!(page.contains("signed, not in the commit"), "{page}");
    let samples = scrape(&place);
    let of = |name: &str| samples.get(name).copied();
    let chain = "chain_id=\"test-1\"";
    assert_eq!(
        of(&format!(
            "tmkms_commits_total{{{chain},vote=\"uncommitted\"}}"
        )),
        Some(2.0)
    );
    assert_eq!(
        of(&format!("tmkms_commits_window_missed{{{chain}}}")),
        Some(3.0)
    );
    assert_eq!(of(&format!("tmkms_committed_height{{{chain}}}")), Some(9.0));
    assert_eq!(
        of(&format!(
            "tmkms_rpc_up{{{chain},endpoint=\"{}\"}}",
            hangs.url()
        )),
        Some(0.0)
    );
    let words = "is not in the commit of its block";
    world.service.has_times(2, words);
    // It falls out of the set; the application is not asked before the minute is over.
    node.set(|chain| {
        chain.in_set = false;
        chain.latest = 12;
    });
    wait_for("outside", || rpc(&world)["outside"] == 2);
    assert_eq!(rpc(&world)["missed_in_a_row"], 0);
}

#[test]
fn whatever_a_node_answers_is_told_and_holds_up_no_vote() {
    let mut world = World::signing();
    let moods = [
        (Mood::Silent, "no answer in time"),
        (Mood::Drips, "its answer broke off: timeout"),
        (Mood::Floods, "its answer is longer than 65536 bytes"),
        (Mood::Stops, "its answer broke off"),
        (
            Mood::Html,
            "what answers there is not the RPC of a CometBFT node",
        ),
        (
            Mood::Redirects,
            "it answers with HTTP status 302; redirects are not followed: write the address that it leads to",
        ),
        (
            Mood::OtherChain,
            "it is a node of other-1, not of test-1, and is not used",
        ),
        (Mood::Forges, "that our key did not make"),
    ];
    let nodes: Vec<FakeRpc> = moods
        .iter()
        .map(|(mood, _)| FakeRpc::start(world.home.key.clone(), *mood))
        .collect();
    let mut height = 2;
    for (nodes, moods) in nodes.chunks(4).zip(moods.chunks(4)) {
        for node in nodes {
            node.set(|chain| chain.latest = height + 1);
        }
        // One that speaks no TLS, with a password and a token.
        let plain = FakeRpc::start(world.home.key.clone(), Mood::Honest);
        let secret = format!("https://me:pa55word@127.0.0.1:{}/t0ken", plain.port);
        let urls: Vec<String> = nodes.iter().map(FakeRpc::url).chain([secret]).collect();
        ask_these(&world, &urls);
        assert!(world.reload().1.contains("`rpc` changed"));
        let (first, began) = (height, Instant::now());
        while began.elapsed() < Duration::from_secs(7) {
            let before = Instant::now();
            let vote = vote(&mut world, height);
            assert!(
                before.elapsed() < Duration::from_secs(4),
                "{:?}",
                before.elapsed()
            );
            if height == first {
                nodes.iter().for_each(|node| {
                    node.set(|chain| {
                        chain.votes.insert(first, vote.clone());
                    })
                });
            }
            height += 1;
            std::thread::sleep(Duration::from_millis(250));
        }
        let told = rpc(&world);
        for (index, (mood, words)) in moods.iter().enumerate() {
            let trouble = told["endpoints"][index]["trouble"]
                .as_str()
                .unwrap_or_default();
            assert!(trouble.contains(words), "{mood:?}: {told}");
        }
        assert!(told["endpoints"][4]["trouble"].is_string(), "{told}");
        assert!(told["signed_height"].is_null(), "{told}");
    }
    let (_, text) = world.home.run(&["status"]);
    for text in [world.service.log(), text, rpc(&world).to_string()] {
        for secret in ["pa55word", "t0ken", "me:"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn one_that_lies_changes_nothing_beside_two_that_do_not() {
    let mut world = World::signing();
    let nodes = [Mood::Honest, Mood::Lies, Mood::Honest];
    let nodes = nodes.map(|mood| FakeRpc::start(world.home.key.clone(), mood));
    ask_these(&world, &nodes.each_ref().map(FakeRpc::url));
    assert!(world.reload().1.contains("`rpc` changed"));
    wait_for("the first height", || rpc(&world)["since_height"] == 1);
    for height in 2..=6 {
        let vote = vote(&mut world, height);
        nodes.iter().for_each(|node| {
            node.set(|chain| {
                chain.votes.insert(height, vote.clone());
                chain.latest = height + 1;
            })
        });
    }
    wait_for("six heights", || rpc(&world)["newest_height"] == 6);
    let told = rpc(&world);
    assert_eq!(
        (&told["committed"], &told["uncommitted"]),
        (&5.into(), &0.into()),
        "{told}"
    );
    assert_eq!(
        (&told["height"], &told["signed_height"]),
        (&7.into(), &6.into()),
        "{told}"
    );
}

#[test]
fn nodes_come_and_go_with_a_reload_and_a_password_is_sent_to_its_node_alone() {
    let mut world = World::signing();
    let alone = world.service.threads();
    assert!(rpc(&world).is_null());
    let nodes = [(); 2].map(|()| FakeRpc::start(world.home.key.clone(), Mood::Honest));
    let with = nodes[0].url().replace("//", "//me:pa55word@");
    ask_these(&world, &[with, nodes[1].url()]);
    world.reloads("test-1: `rpc` changed\n");
    let heard = |node: &FakeRpc| node.chain.lock().unwrap().heard.join("\n");
    wait_for("both are asked", || {
        nodes.iter().all(|node| heard(node).contains("GET /status"))
    });
    let basic = "Basic bWU6cGE1NXdvcmQ=";
    assert!(heard(&nodes[0]).contains(basic) && !heard(&nodes[1]).contains(basic));
    assert_eq!(rpc(&world)["endpoints"].as_array().unwrap().len(), 2);
    // And one that looks at what follows.
    assert!(world.service.threads() >= alone + 3);
    ask_these(&world, &[nodes[1].url()]);
    world.reloads("test-1: `rpc` changed\n");
    wait_for("one thread is gone", || {
        world.service.threads() <= alone + 2
    });
    assert_eq!(rpc(&world)["endpoints"][0]["name"], nodes[1].url());
    ask_these(&world, &[]);
    world.reloads("test-1: `rpc` changed\n");
    wait_for("both threads are gone", || world.service.threads() <= alone);
    assert!(rpc(&world).is_null());
    assert!(vote(&mut world, 2).signature.as_slice().len() == 64);
}

#[test]
fn what_the_nodes_of_one_chain_do_is_nothing_to_another() {
    let home = Home::new(&[]);
    let (listeners, sections) = load::chains(&home, 2);
    let hangs = [Mood::Silent, Mood::Drips, Mood::Floods]
        .map(|mood| FakeRpc::start(home.key.clone(), mood));
    let urls = hangs.each_ref().map(FakeRpc::url);
    let honest = FakeRpc::start(home.key.clone(), Mood::Honest);
    honest.set(|chain| (chain.id, chain.latest) = ("load-1".to_owned(), 9));
    // One waits for nodes that hang, and the other is to wait for its own only.
    let with = |urls: &[String]| format!("[[chain]]\nrpc = {urls:?}\nfloor = \"refuse\"\n");
    let mut parts = sections.splitn(3, "[[chain]]\n").skip(1);
    let (one, other) = (parts.next().unwrap(), parts.next().unwrap());
    home.configure(&format!(
        "{}{one}{}{other}",
        with(&urls),
        with(&[honest.url()])
    ));
    let service = home.start();
    let [mut waits, mut votes] = [0, 1].map(|at: usize| listeners[at].accept(PATIENCE).unwrap());
    service.wait_for_log("[load-1] the chain was heard: signing begins");
    let ask = |node: &mut Node, chain: &str, height| {
        let maker = Maker::new(chain.parse().unwrap());
        node.ask(&Ask::Sign(maker.prevote(height, 0, Some(1), height)))
            .unwrap()
    };
    let began = Instant::now();
    for height in 10..30 {
        let answer = ask(&mut votes, "load-1", height);
        assert!(matches!(answer, Answer::Signed { .. }), "{answer:?}");
        let answer = ask(&mut waits, "load-0", height);
        assert!(matches!(answer, Answer::Error(_)), "{answer:?}");
    }
    // Nodes that hang do so for five seconds each.
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}
