//! A chain that is served to one node at a time (`nodes = "sticky"`).

use std::thread;
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE, sign};
use crate::support::maker;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::{Listener, Node};

const OTHER_NODE: i32 = 15;
const CONFLICT: i32 = 4;
const PAUSED: i32 = 13;
const STICKY: Duration = Duration::from_secs(2);

struct TwoNodes {
    home: Home,
    a: Listener,
    b: Listener,
}

impl TwoNodes {
    fn new() -> Self {
        let (a, b) = (Listener::tcp().unwrap(), Listener::tcp().unwrap());
        let home = Home::new(&[a.address().unwrap(), b.address().unwrap()]);
        home.configure(&chain_with(
            &home.config(),
            "nodes = \"sticky\"\nsticky_seconds = 2\n",
        ));
        home.init();
        Self { home, a, b }
    }

    fn linked(&self) -> (Node, Node) {
        let node = |listener: &Listener| listener.accept(PATIENCE).unwrap();
        (node(&self.a), node(&self.b))
    }
}

fn chain_with(config: &str, lines: &str) -> String {
    config.replacen("[[chain]]\n", &format!("[[chain]]\n{lines}"), 1)
}

fn code(node: &mut Node, height: i64, tag: u8) -> i32 {
    match node.ask(&Ask::Sign(maker().prevote(height, 0, Some(tag), 1))) {
        Ok(Answer::Error(error)) => error.code,
        other => panic!("height {height}: {other:?}"),
    }
}

#[test]
fn another_node_is_served_when_the_first_is_silent_for_long() {
    let nodes = TwoNodes::new();
    let key = nodes.home.key.clone();
    let service = nodes.home.start();
    let (mut a, mut b) = nodes.linked();
    assert!(sign(&mut a, &key, 1, 1));
    assert_eq!(code(&mut b, 2, 1), OTHER_NODE);
    // The same vote, too: it would be the other node's word.
    assert_eq!(code(&mut b, 1, 1), OTHER_NODE);
    assert!(sign(&mut a, &key, 2, 1));
    let (_, text) = nodes.home.run(&["status"]);
    let address = nodes.a.address().unwrap().to_string();
    let serves = format!("serves     {address}, last 0 s ago");
    assert!(text.contains(&serves), "{text}");
    service.wait_for_log("now to tcp://");
    // What only asks in vain keeps nothing: a node that is behind and one that would have a double sign.
    let began = Instant::now();
    while began.elapsed() < STICKY + Duration::from_millis(200) {
        assert_eq!(code(&mut a, 1, 1), 3);
        assert_eq!(code(&mut a, 2, 9), CONFLICT);
        thread::sleep(Duration::from_millis(100));
    }
    assert!(sign(&mut b, &key, 3, 1));
    assert_eq!(code(&mut a, 4, 1), OTHER_NODE);
    // True conflicts are called so, whoever asks, and a pause is.
    assert_eq!(code(&mut a, 3, 9), CONFLICT);
    let (status, text) = nodes.home.run(&["pause", "test-1"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(code(&mut a, 5, 1), PAUSED);
}

#[test]
fn a_reload_keeps_to_the_node_and_changes_the_rest_at_once() {
    let nodes = TwoNodes::new();
    let key = nodes.home.key.clone();
    let _service = nodes.home.start();
    let (mut a, mut b) = nodes.linked();
    let sticky = nodes.home.config();
    let longer = sticky.replace("sticky_seconds = 2\n", "sticky_seconds = 600\n");
    assert!(sign(&mut b, &key, 1, 1));
    nodes.home.configure(&longer);
    let reloaded = |words: &str| {
        let (status, text) = nodes.home.run(&["reload"]);
        assert_eq!(status, 0, "{text}");
        assert!(text.contains(words), "{text}");
    };
    reloaded("test-1: `nodes` is sticky, for 600 s");
    thread::sleep(STICKY);
    assert_eq!(code(&mut a, 2, 1), OTHER_NODE);
    // A key that is opened anew is still served to the same node.
    let from = nodes.home.path().join("consensus.key");
    let to = nodes.home.path().join("moved.key");
    std::fs::copy(&from, &to).unwrap();
    nodes
        .home
        .configure(&longer.replace("consensus.key", "moved.key"));
    thread::scope(|scope| {
        let reload = scope.spawn(|| reloaded("the key is opened anew"));
        (a, b) = nodes.linked();
        reload.join().unwrap();
    });
    assert_eq!(code(&mut a, 2, 1), OTHER_NODE);
    assert!(sign(&mut b, &key, 2, 1));
    let any = longer
        .replace("consensus.key", "moved.key")
        .replace("nodes = \"sticky\"\nsticky_seconds = 600\n", "");
    nodes.home.configure(&any);
    reloaded("test-1: `nodes` is any");
    assert!(sign(&mut a, &key, 3, 1));
    assert!(sign(&mut b, &key, 4, 1));
}
