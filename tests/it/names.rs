//! Resolvers that lose packets, hang, fail and change their minds, and names with several addresses: a link waits for
//! none of them longer than a node waits for its signer.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tmkms::link::names::Resolve;
use tmkms::link::{Address, Dialer, IdentityKey, LinkError, Timeouts, accept_tcp};

/// What one look-up does.
enum Look {
    /// It answers.
    Finds(Vec<SocketAddr>),
    /// It fails: there is no such name.
    Fails,
    /// Its packet is lost: the system's resolver asks again after 5 s.
    Hangs,
}

/// A resolver that does one thing after the other, and the last one forever.
#[derive(Default)]
struct Script {
    looks: Mutex<VecDeque<Look>>,
    asked: AtomicUsize,
    hanging: AtomicUsize,
}

impl Resolve for Script {
    fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut looks = self.looks.lock().unwrap();
        let look = match looks.len() {
            1 => match &looks[0] {
                Look::Finds(found) => Look::Finds(found.clone()),
                Look::Fails => Look::Fails,
                Look::Hangs => Look::Hangs,
            },
            _ => looks.pop_front().unwrap(),
        };
        drop(looks);
        match look {
            Look::Finds(found) => Ok(found),
            Look::Fails => Err(io::Error::other("no such name")),
            Look::Hangs => {
                self.hanging.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_secs(5));
                self.hanging.fetch_sub(1, Ordering::SeqCst);
                Err(io::Error::other("no answer"))
            }
        }
    }
}

/// A node that takes every link, on an address of this host alone.
fn node(ip: [u8; 4]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::from(ip), 0)).unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        let identity = IdentityKey::from_seed(&[2; 32]);
        for stream in listener.incoming() {
            let link = accept_tcp(stream.unwrap(), &identity, &Timeouts::default());
            // Held for a while, or the dialler would see it go.
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(20));
                drop(link);
            });
        }
    });
    at
}

/// An address where nobody listens.
fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// An address that swallows what is sent to it.
struct Swallowing(SocketAddr, Vec<socket2::Socket>);

fn swallowing() -> Swallowing {
    use socket2::{Domain, Socket, Type};
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let at = listener.local_addr().unwrap().as_socket().unwrap();
    let mut held = vec![listener];
    // Until its queue is full.
    while let Ok(stream) = TcpStream::connect_timeout(&at, Duration::from_millis(100)) {
        held.push(stream.into());
    }
    Swallowing(at, held)
}

struct World {
    resolver: Arc<Script>,
    dialer: Dialer,
}

impl World {
    fn new(looks: impl IntoIterator<Item = Look>) -> Self {
        let resolver = Arc::new(Script {
            looks: Mutex::new(looks.into_iter().collect()),
            ..Script::default()
        });
        let address: Address = "tcp://node.example:26659".parse().unwrap();
        Self {
            dialer: Dialer::with(&address, resolver.clone()),
            resolver,
        }
    }

    /// How long the dial took, and what came of it.
    fn dial(&mut self) -> (Duration, Result<(), LinkError>) {
        let identity = IdentityKey::from_seed(&[1; 32]);
        let began = Instant::now();
        let made = self
            .dialer
            .dial(Some(&identity), &Timeouts::default(), |_| {});
        (began.elapsed(), made.map(drop))
    }

    fn linked_within(&mut self, time: Duration) {
        let (took, made) = self.dial();
        made.unwrap();
        assert!(took < time, "{took:?}");
    }
}

/// Much less than a second, also on a busy host.
const AT_ONCE: Duration = Duration::from_millis(500);

#[test]
fn a_lost_packet_costs_nothing_where_the_address_worked() {
    let at = node([127, 0, 0, 1]);
    let mut world = World::new([Look::Finds(vec![at]), Look::Hangs, Look::Finds(vec![at])]);
    for _ in 0..3 {
        world.linked_within(AT_ONCE);
    }
}

#[test]
fn a_lost_packet_at_the_first_dial_costs_a_second() {
    let at = node([127, 0, 0, 1]);
    let mut world = World::new([Look::Hangs, Look::Finds(vec![at])]);
    let (took, made) = world.dial();
    let error = made.unwrap_err();
    assert!(matches!(error, LinkError::Resolve { .. }), "{error}");
    assert!(
        error.to_string().contains("did not answer within 1 s"),
        "{error}"
    );
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    world.linked_within(AT_ONCE);
}

#[test]
fn a_dead_resolver_holds_no_link_and_not_more_than_two_threads() {
    let at = node([127, 0, 0, 1]);
    let mut world = World::new([Look::Finds(vec![at]), Look::Hangs]);
    let began = Instant::now();
    world.linked_within(AT_ONCE);
    while began.elapsed() < Duration::from_secs(4) {
        world.linked_within(AT_ONCE);
        assert!(world.resolver.hanging.load(Ordering::SeqCst) <= 2);
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(world.resolver.hanging.load(Ordering::SeqCst), 2);
    assert_eq!(world.resolver.asked.load(Ordering::SeqCst), 3);
}

#[test]
fn a_name_that_is_gone_is_dialled_where_it_was() {
    let at = node([127, 0, 0, 1]);
    let mut world = World::new([Look::Finds(vec![at]), Look::Fails]);
    for _ in 0..3 {
        world.linked_within(AT_ONCE);
    }
    let mut world = World::new([Look::Fails]);
    let (_, made) = world.dial();
    let error = made.unwrap_err();
    assert!(error.to_string().contains("no such name"), "{error}");
}

#[test]
fn a_name_that_moved_is_followed() {
    let (old, new) = (refusing(), node([127, 0, 0, 1]));
    let mut world = World::new([Look::Finds(vec![old]), Look::Finds(vec![new])]);
    assert!(world.dial().1.is_err());
    world.linked_within(AT_ONCE);

    // The old address still takes links: the next dial is the new one's, whatever works.
    let (old, new) = (node([127, 0, 0, 1]), node([127, 0, 0, 2]));
    let mut world = World::new([Look::Finds(vec![old]), Look::Finds(vec![new])]);
    let identity = IdentityKey::from_seed(&[1; 32]);
    let mut peers = Vec::new();
    for _ in 0..3 {
        let times = Timeouts::default();
        let dial = |dialer: &mut Dialer| {
            let mut local = None;
            let made = dialer.dial(Some(&identity), &times, |closer| {
                local = closer.peer_address();
            });
            made.map(|_| local)
        };
        peers.push(dial(&mut world.dialer).unwrap().unwrap());
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(peers, [old, old, new]);

    // And one that swallows everything costs a second, once.
    let old = swallowing();
    let mut world = World::new([Look::Finds(vec![old.0]), Look::Finds(vec![new])]);
    assert!(world.dial().1.is_err());
    world.linked_within(AT_ONCE);
    assert!(!old.1.is_empty());
}

#[test]
fn all_addresses_of_a_name_are_tried_and_the_one_that_works_is_kept() {
    let (dead, silent, good) = (refusing(), swallowing(), node([127, 0, 0, 1]));
    let six: SocketAddr = "[::1]:1".parse().unwrap();
    let mut world = World::new([Look::Finds(vec![six, dead, silent.0, good])]);
    // The silent one has its share of two seconds.
    world.linked_within(Duration::from_millis(2_500));
    for _ in 0..3 {
        world.linked_within(AT_ONCE);
    }
}

#[test]
fn the_address_that_failed_last_is_tried_last() {
    let silent = swallowing();
    let two = TcpListener::bind("127.0.0.2:0").unwrap();
    let later = two.local_addr().unwrap();
    drop(two);
    let mut world = World::new([Look::Finds(vec![silent.0, later])]);
    let (took, made) = world.dial();
    assert!(
        made.is_err() && took < Duration::from_millis(2_500),
        "{took:?}"
    );
    // Both failed in this order, so the silent one is first again, and has half of the time.
    let listener = TcpListener::bind(later).unwrap();
    thread::spawn(move || {
        let identity = IdentityKey::from_seed(&[2; 32]);
        let stream = listener.accept().unwrap().0;
        let _link = accept_tcp(stream, &identity, &Timeouts::default());
        thread::sleep(Duration::from_secs(5));
    });
    world.linked_within(Duration::from_millis(1_600));
}
