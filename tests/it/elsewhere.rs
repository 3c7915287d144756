//! A chain that another process holds: never dialled while it is, taken over by itself once it is free.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE, sign};
use crate::support::http::{address, get, scrape, wait_for, with_metrics};
use crate::support::place;
use rustix::process::Signal;
use serde_json::Value;
use tmkms::codec::node::{Answer, Ask};
use tmkms::gate::store::file::FileStore;
use tmkms::harness::Listener;
use tmkms::harness::messages::Maker;
use tmkms::link::Address;

/// A home whose first chain is another process's too, and whose second one is its own.
fn with_a_second_chain(home: &Home, node: &Address) {
    home.configure(&format!(
        "control_socket = \"both.sock\"\n{}",
        home.config()
    ));
    home.add_a_chain(node);
}

fn status(home: &Home) -> Value {
    let output = home.command(&["status", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_chain_that_another_process_holds_is_taken_over_when_that_one_ends() {
    let (one, two) = (Listener::tcp().unwrap(), Listener::tcp().unwrap());
    let home = Home::new(&[one.address().unwrap()]);
    home.init();
    let mut first = home.start();
    let mut node = one.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));

    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    with_a_second_chain(&home, &two.address().unwrap());
    let second = home.start();
    let mut other = two.accept(PATIENCE).unwrap();
    let vote = Maker::new("test-2".parse().unwrap()).prevote(1, 0, Some(1), 1);
    assert!(matches!(
        other.ask(&Ask::Sign(vote)).unwrap(),
        Answer::Signed { .. }
    ));
    second.wait_for_log("[test-1] not dialled: the state file");
    let pid = format!("in use by another process: process {} (", first.child.id());
    second.wait_for_log(&pid);

    // What is told of it is true.
    let at = address(&second);
    wait_for("the board", || {
        status(&home)["chains"][0]["links"][0]["state"] == "down"
    });
    let told = status(&home);
    assert_eq!(told["chains"][0]["armed"], false);
    assert_eq!(
        told["chains"][0]["links"][0]["trouble"]["code"],
        "elsewhere"
    );
    assert_eq!(told["chains"][1]["armed"], true);
    for text in [home.run(&["status"]).1, get(&at, "/").1] {
        assert!(text.contains("not known here") && !text.contains("nothing signed yet"));
    }
    let (code, text) = get(&at, "/ready");
    assert_eq!(code, 503);
    assert!(
        text.contains("test-1: the state file") && text.contains("in use by another process"),
        "{text}"
    );
    assert_eq!(get(&at, "/ready?expect=test-2").0, 200);
    assert_eq!(scrape(&at)["tmkms_chain_armed{chain_id=\"test-1\"}"], 0.0);

    // It is tried again, more than once, and the node is left to the first one.
    let began = Instant::now();
    let mut height = 1;
    while began.elapsed() < Duration::from_secs(7) {
        height += 1;
        assert!(sign(&mut node, &home.key, height, 1));
        assert!(one.accept(Duration::from_millis(50)).is_err(), "dialled");
    }

    first.signal(Signal::TERM);
    assert_eq!(first.wait().code(), Some(0));
    drop(node);
    let mut node = one.accept(PATIENCE).unwrap();
    assert!(
        !sign(&mut node, &home.key, height, 2),
        "what the first one signed last is known"
    );
    assert!(sign(&mut node, &home.key, height, 1), "its very bytes are");
    // Two heights that nobody signed.
    assert!(sign(&mut node, &home.key, height + 3, 1));
    let up = format!(
        "tmkms_link_up{{chain_id=\"test-1\",node=\"{}\"}}",
        one.address().unwrap()
    );
    wait_for("the metrics", || scrape(&at)[&up] == 1.0);
    wait_for("ready", || get(&at, "/ready").0 == 200);
    let told = status(&home);
    assert_eq!(told["chains"][0]["armed"], true);
    assert_eq!(told["chains"][0]["links"][0]["state"], "up");
    let log = second.log();
    assert_eq!(log.matches("[test-1] not dialled").count(), 1, "{log}");
}

#[test]
fn the_heights_of_the_absence_count_once_it_is_taken_over() {
    let (one, two) = (Listener::tcp().unwrap(), Listener::tcp().unwrap());
    let home = Home::new(&[one.address().unwrap()]);
    home.init();
    let mut first = home.start();
    let mut node = one.accept(PATIENCE).unwrap();
    with_a_second_chain(&home, &two.address().unwrap());
    let second = home.start();
    second.wait_for_log("[test-1] not dialled");
    assert!(sign(&mut node, &home.key, 10, 1));
    first.signal(Signal::TERM);
    first.wait();
    drop(node);
    let mut node = one.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 13, 1));
    wait_for("two missed", || {
        status(&home)["chains"][0]["history"]["missed_heights"] == 2
    });
}

#[test]
fn a_chain_that_is_not_armed_leaves_its_node_to_the_process_that_is() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let key = home.path().join("consensus.key");
    let away = home.path().join("away.key");
    fs::rename(&key, &away).unwrap();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert_eq!(node.ask(&Ask::Ping).unwrap(), Answer::Pong);
    // Another process with the key, and it has the node's one signer connection.
    let held = FileStore::open(&place(home.path().join("state.json"), home.key.clone())).unwrap();
    service.wait_for_log("[test-1] not dialled: the state file");
    assert!(node.receive().is_err(), "it hangs up");
    assert!(listener.accept(Duration::from_millis(600)).is_err());
    fs::rename(&away, &key).unwrap();
    drop(held);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
}

#[test]
fn a_key_in_use_under_another_state_file_is_waited_for_too() {
    let (one, two) = (Listener::tcp().unwrap(), Listener::tcp().unwrap());
    let home = Home::new(&[one.address().unwrap()]);
    home.init();
    let elsewhere = Listener::tcp().unwrap();
    let copy = home.with_a_copy_of_the_key(&[elsewhere.address().unwrap()]);
    copy.init();
    let mut first = copy.start();
    let _node = elsewhere.accept(PATIENCE).unwrap();
    with_a_second_chain(&home, &two.address().unwrap());
    let service = home.start();
    let _other = two.accept(PATIENCE).unwrap();
    service.wait_for_log("[test-1] not dialled: another process on this host already signs");
    let pid = format!("process {} (tmkms, user ", first.child.id());
    service.wait_for_log(&pid);
    assert!(one.accept(Duration::from_millis(600)).is_err());
    first.signal(Signal::TERM);
    first.wait();
    let mut node = one.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
}

#[test]
fn its_status_is_answered_once_the_process_before_it_has_ended() {
    let (one, two) = (Listener::tcp().unwrap(), Listener::tcp().unwrap());
    let home = Home::new(&[one.address().unwrap()]);
    home.init();
    let mut first = home.start();
    let mut node = one.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    with_a_second_chain(&home, &two.address().unwrap());
    home.configure(&home.config().replace("both.sock", "tmkms.sock"));
    let second = home.start();
    second.wait_for_log("another process listens there");
    first.signal(Signal::TERM);
    first.wait();
    wait_for("an answer of the second one", || {
        let (_, text) = home.run(&["status"]);
        text.contains(&format!("process {}", second.child.id()))
    });
}
