//! The start: nothing that is wrong with one chain, port or key keeps another chain from its first vote.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::chain::Chain;
use crate::support::home::{Home, PATIENCE, sign};
use crate::support::http::{self, with_metrics};
use rustix::process::Signal;
use tmkms::harness::Listener;

#[test]
fn a_port_that_is_taken_keeps_nobody_from_signing_and_is_had_when_it_is_free() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    with_metrics(&home, &format!("listen = \"{at}\""));
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    service.wait_for_log("ERROR the address");
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 0, "no chain is in trouble: {text}");
    assert!(text.contains("trouble: the address"), "{text}");
    assert!(text.contains(&at), "{text}");
    drop(taken);
    service.wait_for_log("metrics, health and a status page at");
    assert_eq!(http::get(&at, "/live").0, 200);
    let (_, text) = home.run(&["status"]);
    assert!(!text.contains("trouble"), "{text}");
}

#[test]
fn an_address_that_this_host_does_not_have_yet_is_no_reason_to_end_either() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    // An address for documentation: it may come with a tunnel.
    with_metrics(&home, "listen = \"192.0.2.1:28567\"");
    home.init();
    let mut service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    service.wait_for_log("ERROR the address 192.0.2.1:28567");
    std::thread::sleep(Duration::from_secs(4));
    service.has_times(1, "192.0.2.1:28567");
    service.signal(Signal::TERM);
    assert_eq!(service.wait().code(), Some(0));
}

#[test]
fn a_second_start_is_told_who_holds_the_chain_and_not_who_has_the_port() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap().to_string();
    drop(free);
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    with_metrics(&home, &format!("listen = \"{at}\""));
    home.init();
    let service = home.start();
    let _node = listener.accept(PATIENCE).unwrap();
    service.wait_for_log("metrics, health and a status page at");
    let (code, text) = home.run(&["start"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("in use by another process"), "{text}");
    assert!(!text.contains("cannot be listened on"), "{text}");
    assert!(
        text.contains("tmkms ends: every configured chain is already held"),
        "{text}"
    );
}

#[test]
fn an_identity_key_that_comes_later_is_used_without_a_restart() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let (key, away) = (
        home.path().join("identity.key"),
        home.path().join("away.key"),
    );
    fs::rename(&key, &away).unwrap();
    let service = home.start();
    service.wait_for_log("no link: ");
    service.wait_for_log("identity.key");
    fs::rename(&away, &key).unwrap();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
}

#[test]
fn a_configuration_that_is_not_there_yet_is_worth_another_start() {
    let home = Home::new(&["tcp://127.0.0.1:1".parse().unwrap()]);
    let (code, text) = home.run(&["start", "-c", "later/tmkms.toml"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("later/tmkms.toml"), "{text}");
}

/// A home whose first chain has its key in a file, and two whose connectors take connections and never answer.
#[cfg(feature = "yubihsm")]
fn beside_dead_connectors(node: &Listener, dead: &[TcpListener]) -> Home {
    let home = Home::new(&[node.address().unwrap()]);
    let mut text = home.config();
    for (at, listener) in dead.iter().enumerate() {
        let id = format!("hsm-{at}");
        let provider = format!(
            "adapter = {{ type = \"http\", addr = \"tcp://{}\" }}\n\
             auth = {{ key = 1, password = \"password\" }}\nkeys = [{{ chain_ids = [\"{id}\"], key = 1 }}]",
            listener.local_addr().unwrap()
        );
        let section = Chain::with_state(&id, &format!("{id}.json"))
            .node(format_args!("unix:///nonexistent/{at}"))
            .provider("yubihsm", &provider);
        text.push_str(&section.to_string());
    }
    home.configure(&text);
    home.init();
    home
}

#[cfg(feature = "yubihsm")]
#[test]
fn connectors_that_do_not_answer_hold_back_no_other_chain() {
    let dead: Vec<_> = (0..2)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let listener = Listener::tcp().unwrap();
    let home = beside_dead_connectors(&listener, &dead);
    let began = Instant::now();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let took = began.elapsed();
    eprintln!("start to first vote beside two dead connectors: {took:?}");
    // 0.2 s on a host that does nothing else.
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    // They are told all the same, and asked for without waiting for them.
    let (_, text) = home.run(&["status"]);
    assert!(text.contains("test-1: armed"), "{text}");
    assert!(text.contains("hsm-1: NOT ARMED"), "{text}");
    service.wait_for_log("[hsm-0] not armed");
    service.wait_for_log("[hsm-1] not armed");
}

#[cfg(feature = "yubihsm")]
#[test]
fn it_ends_at_once_while_keys_are_still_being_opened() {
    let dead = [TcpListener::bind("127.0.0.1:0").unwrap()];
    let listener = Listener::tcp().unwrap();
    let home = beside_dead_connectors(&listener, &dead);
    let mut service = home.start();
    let _node = listener.accept(PATIENCE).unwrap();
    let began = Instant::now();
    service.signal(Signal::TERM);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    assert!(began.elapsed() < Duration::from_secs(2));
}
