//! A node takes one signer at a time: the others stand in its line, and are there when it turns to them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::support::home::{Home, sign};
use tmkms::harness::Node;
use tmkms::link::names::Resolve;
use tmkms::link::{
    Address, Connection, Dialer, IdentityKey, Libp2pId, LinkError, Timeouts, accept_noise,
    accept_tcp, accept_unix,
};

const TIMES: Timeouts = Timeouts {
    connect: Duration::from_millis(500),
    handshake: Duration::from_millis(300),
    silence: Duration::from_millis(200),
    standby: Duration::from_secs(60),
    frame: Duration::from_millis(200),
    write: Duration::from_millis(500),
};

/// What the node allows, which waits for nobody in these tests.
const GENEROUS: Timeouts = Timeouts {
    handshake: Duration::from_secs(5),
    ..TIMES
};

fn us() -> IdentityKey {
    IdentityKey::from_seed(&[1; 32])
}

fn them() -> IdentityKey {
    IdentityKey::from_seed(&[2; 32])
}

fn busy_node() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Tcp {
        peer_id: None,
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    (listener, address)
}

fn dial(dialer: &mut Dialer, times: &Timeouts) -> Result<Connection, LinkError> {
    dialer.dial(Some(&us()), times, |_| {})
}

fn is_in_line(dialer: &mut Dialer, times: &Timeouts) {
    let found = dial(dialer, times).err().unwrap();
    assert!(matches!(found, LinkError::InLine(_)), "{found}");
    assert!(dialer.is_in_line());
}

/// All that stand in the line.
fn line(listener: &TcpListener) -> Vec<TcpStream> {
    listener.set_nonblocking(true).unwrap();
    let line: Vec<_> = std::iter::from_fn(|| listener.accept().ok())
        .map(|(stream, _)| stream)
        .collect();
    listener.set_nonblocking(false).unwrap();
    line
}

#[test]
fn whoever_waits_for_a_busy_node_keeps_its_place_and_answers_at_once() {
    let (listener, address) = busy_node();
    let mut dialer = Dialer::new(&address);
    for _ in 0..3 {
        is_in_line(&mut dialer, &TIMES);
    }
    let node = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        let began = Instant::now();
        accept_tcp(stream, &them(), &GENEROUS).unwrap();
        assert!(began.elapsed() < Duration::from_secs(1));
        line(&listener).len()
    });
    let link = loop {
        match dial(&mut dialer, &TIMES) {
            Ok(link) => break link,
            Err(found) => assert!(matches!(found, LinkError::InLine(_)), "{found}"),
        }
    };
    assert!(!dialer.is_in_line());
    assert_eq!(
        link.peer().unwrap().to_string(),
        them().peer_id().to_string()
    );
    assert_eq!(node.join().unwrap(), 0, "it had one place and no more");
}

#[test]
fn a_noise_link_waits_in_line_too() {
    let (listener, address) = busy_node();
    let Address::Tcp { host, port, .. } = address else {
        panic!()
    };
    let peer_id = Libp2pId::of(&them());
    let mut dialer = Dialer::new(&Address::Noise {
        peer_id,
        host,
        port,
    });
    is_in_line(&mut dialer, &TIMES);
    is_in_line(&mut dialer, &TIMES);
    let node = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        accept_noise(stream, &them(), None, &GENEROUS).unwrap();
        line(&listener).len()
    });
    loop {
        match dial(&mut dialer, &TIMES) {
            Ok(_) => break,
            Err(found) => assert!(matches!(found, LinkError::InLine(_)), "{found}"),
        }
    }
    assert_eq!(node.join().unwrap(), 0);
}

#[test]
fn a_place_is_left_when_it_is_too_old_or_asked_for_or_the_node_goes() {
    let (listener, address) = busy_node();
    let mut dialer = Dialer::new(&address);
    let brief = Timeouts {
        standby: TIMES.handshake,
        ..TIMES
    };
    is_in_line(&mut dialer, &brief);
    is_in_line(&mut dialer, &brief);
    let mut places = line(&listener);
    assert_eq!(places.len(), 2);
    // What was left has ended: the node that takes it is not held up.
    let mut left = places.remove(0);
    left.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(left.read_to_end(&mut Vec::new()).unwrap(), 35);
    dialer.leave_line();
    assert!(!dialer.is_in_line());
    is_in_line(&mut dialer, &TIMES);
    drop(line(&listener));
    let found = dial(&mut dialer, &TIMES).err().unwrap();
    assert!(matches!(found, LinkError::HandshakeClosed), "{found}");
    assert!(!dialer.is_in_line());
}

/// Otherwise we would wait for a host that nobody starts again.
#[test]
fn a_place_is_left_when_the_name_is_another_hosts() {
    struct Moves(Mutex<SocketAddr>);
    impl Resolve for Moves {
        fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            Ok(vec![*self.0.lock()])
        }
    }
    let (old, new) = (busy_node().0, busy_node().0);
    let at = |node: &TcpListener| node.local_addr().unwrap();
    let name = Arc::new(Moves(Mutex::new(at(&old))));
    let address = Address::Tcp {
        peer_id: None,
        host: "node.example".to_owned(),
        port: 26659,
    };
    let mut dialer = Dialer::with(&address, name.clone());
    for _ in 0..2 {
        is_in_line(&mut dialer, &TIMES);
    }
    *name.0.lock() = at(&new);
    for _ in 0..4 {
        is_in_line(&mut dialer, &TIMES);
    }
    assert_eq!(line(&new).len(), 1);
    let mut left = line(&old);
    assert_eq!(left.len(), 1);
    left[0]
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    assert_eq!(left[0].read_to_end(&mut Vec::new()).unwrap(), 35);
}

/// The node turns to us, and we find out meanwhile whether it is one for noise: it would wait for our answer until then.
#[test]
fn nobody_stands_in_line_who_does_not_answer() {
    let (listener, address) = busy_node();
    let mut dialer = Dialer::new(&address);
    let at_once = Timeouts {
        standby: Duration::ZERO,
        handshake: Duration::from_millis(400),
        ..TIMES
    };
    let node = thread::spawn(move || {
        let mut places: Vec<_> = (0..3).map(|_| listener.accept().unwrap().0).collect();
        // The third one asks; the second one is over.
        let began = Instant::now();
        let second = &mut places[1];
        second
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        second.read_to_end(&mut Vec::new()).unwrap();
        began.elapsed()
    });
    for _ in 0..2 {
        let found = dial(&mut dialer, &at_once).err().unwrap();
        assert!(matches!(found, LinkError::HandshakeTimeout(_)), "{found}");
    }
    let held_up = node.join().unwrap();
    assert!(held_up < Duration::from_millis(200), "{held_up:?}");
}

/// A node may finish the handshake with the next signer and ask it nothing until the one that it has is gone.
#[test]
fn a_link_in_reserve_is_kept_until_it_is_needed() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut ours = accept_unix(ours, &TIMES).unwrap();
    let node = thread::spawn(move || {
        thread::sleep(TIMES.silence * 2);
        (&theirs).write_all(&[1, 7]).unwrap();
        theirs
    });
    assert_eq!(ours.receive().unwrap().bytes, [7]);
    // From now on it pings.
    let found = ours.receive().err().unwrap();
    assert!(
        matches!(found, LinkError::Silent(limit) if limit == TIMES.silence),
        "{found}"
    );
    drop(node.join().unwrap());
}

/// With the limits that are the program's own.
#[test]
fn the_service_is_there_when_a_node_turns_to_it() {
    let (listener, address) = busy_node();
    let home = Home::new(&[address]);
    home.init();
    let service = home.start();
    service.wait_for_log("it has another signer");
    // Somewhere within the second in which it would dial again, if it had hung up.
    thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    let mut stood = line(&listener);
    assert_eq!(stood.len(), 1, "{}", service.log());
    let stream = stood.remove(0);
    let link = accept_tcp(stream, &them(), &GENEROUS).unwrap();
    let mut node = Node::new(link);
    assert!(sign(&mut node, &home.key, 1, 1));
    assert!(began.elapsed() < Duration::from_millis(500));
}

/// A node that comes to a signer without a key waits for nothing, and another one stands behind.
#[test]
fn who_cannot_sign_stands_in_no_line() {
    let (listener, address) = busy_node();
    let home = Home::new(&[address]);
    home.init();
    std::fs::rename(
        home.path().join("consensus.key"),
        home.path().join("elsewhere"),
    )
    .unwrap();
    let service = home.start();
    service.wait_for_log("the handshake was not done after 5 s");
    assert!(
        !service.log().contains("it has another signer"),
        "{}",
        service.log()
    );
    let mut stood = line(&listener);
    stood[0]
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    stood[0].read_to_end(&mut Vec::new()).unwrap();
}
