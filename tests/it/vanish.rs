//! A node's host that vanishes without a word, and a resolver that loses packets, in a network namespace of the test's own.
//!
//! Needs root and `ip`, so `.ci/run` runs it: `cargo test --test it vanish:: -- --ignored`.
#![cfg(target_os = "linux")]

use std::fs;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::home::{Home, PATIENCE, Running, sign};
use crate::support::maker;
use rustix::process::Signal;
use tmkms::codec::node::Ask;
use tmkms::harness::Listener;
use tmkms::link::{Address, Timeouts};

/// From the moment at which a host vanishes until its link is ended, with what a busy machine adds.
const NOTICED: Duration = Duration::from_millis(5_300);

/// A namespace that reaches this host over one cable. The signer runs in it.
struct Net {
    name: String,
    cable: String,
    /// This host's end.
    ip: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Net {
    fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let id = format!("{}{number}", std::process::id());
        let net = Self {
            name: format!("tmkms-{id}"),
            cable: format!("tk{id}"),
            ip: format!("10.231.{}.{}", std::process::id() % 250, number * 4 + 1),
        };
        let theirs = format!("10.231.{}.{}", std::process::id() % 250, number * 4 + 2);
        let (name, cable, peer) = (&net.name, &net.cable, format!("tp{id}"));
        ip(&["netns", "add", name]);
        ip(&["link", "add", cable, "type", "veth", "peer", "name", &peer]);
        ip(&["link", "set", &peer, "netns", name]);
        ip(&["addr", "add", &format!("{}/30", net.ip), "dev", cable]);
        ip(&["link", "set", cable, "up"]);
        let inside = |words: &[&str]| ip(&[&["-n", name], words].concat());
        inside(&["addr", "add", &format!("{theirs}/30"), "dev", &peer]);
        inside(&["link", "set", &peer, "up"]);
        inside(&["link", "set", "lo", "up"]);
        net
    }

    /// Pulls the cable: packets go nowhere, and nobody is told.
    fn pull(&self) {
        ip(&["link", "set", &self.cable, "down"]);
    }

    fn plug_in(&self) {
        ip(&["link", "set", &self.cable, "up"]);
    }

    fn listener(&self) -> Listener {
        let address = Address::Tcp {
            peer_id: None,
            host: self.ip.clone(),
            port: 0,
        };
        Listener::at(&address, None, Timeouts::default()).unwrap()
    }

    fn start(&self, home: &Home) -> Running {
        let log = home.path().join("log");
        let child = Command::new("ip")
            .args(["netns", "exec", &self.name])
            .args([env!("CARGO_BIN_EXE_tmkms"), "start", "-v"])
            .current_dir(home.path())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Running { child, log }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["link", "del", &self.cable])
            .status();
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
        let _ = fs::remove_dir_all(format!("/etc/netns/{}", self.name));
    }
}

fn ip(words: &[&str]) {
    let done = Command::new("ip").args(words).status().unwrap();
    assert!(
        done.success(),
        "ip {words:?}: root and network namespaces are needed"
    );
}

#[test]
#[ignore = "needs root and network namespaces"]
fn a_host_that_vanishes_is_noticed_within_five_seconds_and_dialled_when_it_is_back() {
    let net = Net::new();
    let listener = net.listener();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = net.start(&home);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    net.pull();
    let began = Instant::now();
    service.wait_for_log("link ended: ");
    let took = began.elapsed();
    assert!(took < NOTICED, "{took:?}");
    service.wait_for_log("link ended: the node's host answers nothing");
    // A node waits for 3 s at its start.
    thread::sleep(Duration::from_secs(6));
    net.plug_in();
    let began = Instant::now();
    let mut node = listener.accept(PATIENCE).unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(sign(&mut node, &home.key, 2, 1));
}

#[test]
#[ignore = "needs root and network namespaces"]
fn a_host_that_vanishes_before_it_takes_the_reply_is_noticed_within_five_seconds_too() {
    let net = Net::new();
    let listener = net.listener();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = net.start(&home);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    // The vote is answered after the cable was pulled.
    service.signal(Signal::STOP);
    node.send(&Ask::Sign(maker().prevote(2, 0, Some(1), 2)))
        .unwrap();
    thread::sleep(Duration::from_millis(100));
    net.pull();
    let began = Instant::now();
    service.signal(Signal::CONT);
    service.wait_for_log("at 2/0");
    service.wait_for_log("link ended: ");
    let took = began.elapsed();
    assert!(took < NOTICED, "{took:?}");
    service.wait_for_log("link ended: the node's host answers nothing");
}

#[test]
#[ignore = "needs root and network namespaces"]
fn a_node_that_is_only_quiet_keeps_its_link() {
    let net = Net::new();
    let listener = net.listener();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = net.start(&home);
    let mut node = listener.accept(PATIENCE).unwrap();
    // Its kernel answers the probes. What it says itself has the longer limit of `timeout`.
    thread::sleep(Duration::from_secs(12));
    assert!(sign(&mut node, &home.key, 1, 1));
    assert!(!service.log().contains("link ended"));
}

/// A name server that gives one address for every name, unless it is told to be dead.
fn name_server(ip: &str, dead: Arc<AtomicBool>) {
    let socket = UdpSocket::bind((ip, 53)).unwrap();
    let octets: Vec<u8> = ip.split('.').map(|part| part.parse().unwrap()).collect();
    thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            if dead.load(Ordering::SeqCst) {
                continue;
            }
            let question = &packet[12..length];
            let name = question.iter().position(|byte| *byte == 0).unwrap();
            let is_a = question[name + 2] == 1;
            let mut answer = packet[..2].to_vec();
            answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
            answer.extend(&question[..name + 5]);
            if is_a {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
                answer.extend(&octets);
            }
            let _ = socket.send_to(&answer, from);
        }
    });
}

#[test]
#[ignore = "needs root and network namespaces"]
fn the_systems_own_resolver_may_die_and_the_node_is_dialled_at_once() {
    let net = Net::new();
    let dead = Arc::new(AtomicBool::new(false));
    name_server(&net.ip, dead.clone());
    let folder = format!("/etc/netns/{}", net.name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        format!("{folder}/resolv.conf"),
        format!("nameserver {}\n", net.ip),
    )
    .unwrap();
    let listener = net.listener();
    let Address::Tcp { port, .. } = listener.address().unwrap() else {
        panic!("another address")
    };
    let home = Home::new(&[format!("tcp://node.tmkms.example:{port}").parse().unwrap()]);
    home.init();
    let service = net.start(&home);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    // A link that lived is dialled again at once.
    thread::sleep(Duration::from_millis(1_200));
    let threads = service.threads();
    dead.store(true, Ordering::SeqCst);
    for height in 2..6 {
        drop(node);
        let began = Instant::now();
        node = listener.accept(PATIENCE).unwrap();
        let took = began.elapsed();
        assert!(took < Duration::from_millis(500), "{took:?}");
        assert!(sign(&mut node, &home.key, height, 1));
        assert!(service.threads() <= threads + 2);
        thread::sleep(Duration::from_millis(1_200));
    }
}
