//! Who gets a link, and who does not.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::support::*;
use tmkms::backends::cosign::peers::{PeerMessage, PeersSettings};
use tmkms::link::{IdentityKey, LinkError};
use tmkms::shares::Quorum;

#[test]
fn whoever_is_no_member_that_dials_is_turned_away_and_named() {
    // Member 2 of three: 1 is dialled, and 3 may come.
    let two = start(settings(2, &[(1, 1), (3, 1)]), &echo());
    port(&two);
    let listener = two.door().bound.unwrap();
    for (turn, stranger) in [IdentityKey::from_seed(&[99; 32]), identity(1), identity(2)]
        .iter()
        .enumerate()
    {
        // It is let in as far as to prove who it is.
        let mut fake = Fake::dial(stranger, listener).unwrap();
        assert!(matches!(fake.end(), LinkError::Closed), "{turn}");
        until("it is counted", || {
            usize::try_from(two.door().strangers).unwrap() > turn
        });
    }
    assert!(two.samples().iter().all(|sample| !sample.up));
    let _three = Fake::greeted(3, 1, &two);
    until("a member comes in", || sample(&two, 3).up);
}

#[test]
fn a_listener_with_another_identity_is_not_talked_to() {
    // Another member than the one that is dialled.
    let other = start(settings(1, &[(3, 1), (2, 1)]), &echo());
    let mut swapped = settings(3, &[(1, port(&other))]);
    swapped.members[0].peer_id = identity(2).peer_id();
    let three = start(swapped, &echo());
    let why = until_down(&three, 1);
    assert!(why.contains("as `addr` says"), "{why}");
    assert!(!sample(&three, 1).up);
}

#[test]
fn what_a_member_says_of_itself_is_compared() {
    type Edit = fn(&mut PeersSettings);
    let edits: [(Edit, &str); 4] = [
        (
            |it| it.quorum = Quorum::new(7, 11).unwrap(),
            "7 of 12 to sign",
        ),
        (
            |it| {
                let other = IdentityKey::from_seed(&[8; 32]).public_key();
                it.public_key =
                    tmkms::consensus::PublicKey::of_type(Default::default(), &other).unwrap();
            },
            "another key",
        ),
        // The share of another member, with this one's identity.
        (|it| it.members[1].public_share = [9; 32], "ended the link"),
        (
            |it| it.members[0].public_share = [9; 32],
            "is not that of its `public_share`",
        ),
    ];
    let one = start(settings(1, &[(2, 1)]), &echo());
    for (edit, words) in edits {
        let mut other = settings(2, &[(1, port(&one))]);
        edit(&mut other);
        let two = start(other, &echo());
        // What the other side says of it may be known first.
        until(words, || {
            let why = sample(&two, 1).why_down.unwrap_or_default();
            why.contains(words) || why.contains("ended the link and says: ")
        });
        assert!(!sample(&two, 1).up);
    }
    // Two hosts with one share: host 2 has that of member 3.
    let one = start(settings(1, &[(2, 1)]), &echo());
    port(&one);
    let mut fake = Fake::dial(&identity(2), one.door().bound.unwrap()).unwrap();
    fake.send(PeerMessage::Hello(hello(3, 1)));
    assert!(matches!(fake.read(), Ok(PeerMessage::Hello(_))));
    let Ok(PeerMessage::Bye(said)) = fake.read() else {
        panic!("it is told")
    };
    assert!(
        said.contains("member 2 has the share of member 3"),
        "{said}"
    );
    until("it is noted", || {
        until_down(&one, 2).starts_with("member 2 has")
    });
}

/// From this address of the loopback.
fn connect_from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let source = SocketAddr::from((source, 0));
    socket.bind(&source.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

fn is_closed(stream: &mut TcpStream, limit: Duration) -> bool {
    stream.set_read_timeout(Some(limit)).unwrap();
    let mut seen = [0; 64];
    loop {
        match stream.read(&mut seen) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_flood_of_strangers_keeps_no_member_out_and_handshakes_have_a_limit() {
    let mut quick = settings(1, &[(2, 1)]);
    quick.times.handshake = Duration::from_millis(400);
    let one = start(quick, &echo());
    port(&one);
    let listener = one.door().bound.unwrap();
    let began = Instant::now();
    // Each says nothing.
    let mut strangers: Vec<TcpStream> = (2..62)
        .map(|last| connect_from([127, 0, 0, last], listener))
        .collect();
    until("those who are too many are turned away", || {
        one.door().crowded >= 40
    });
    let two = start(settings(2, &[(1, listener.port())]), &echo());
    until_reachable(&two, &[1]);
    until_reachable(&one, &[2]);
    for stranger in &mut strangers {
        assert!(is_closed(stranger, PATIENCE));
    }
    assert!(began.elapsed() < PATIENCE);
    let door = one.door();
    assert!(
        door.strangers <= 20 && door.strangers + door.crowded >= 60,
        "{door:?}"
    );
    // A member's own address has two places, so one that never ends its handshake does not shut it out.
    let _silent = connect_from([127, 0, 0, 1], listener);
    drop(two);
    let two = start(settings(2, &[(1, listener.port())]), &echo());
    until_reachable(&two, &[1]);
}

#[test]
fn a_port_that_is_taken_is_told_and_tried_again_while_the_rest_works() {
    let one = start(settings(1, &[(2, 1), (3, 1)]), &echo());
    let taken = TcpListener::bind((IpAddr::from(Ipv4Addr::LOCALHOST), 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let mut two = settings(2, &[(1, port(&one)), (3, 1)]);
    two.listen = address.to_string();
    let two = start(two, &echo());
    until_reachable(&two, &[1]);
    until("it is told", || two.door().why_not.is_some());
    let told = two.door().why_not.unwrap();
    assert!(told.contains(&address.to_string()), "{told}");
    drop(taken);
    let three = start(
        settings(3, &[(1, port(&one)), (2, address.port())]),
        &echo(),
    );
    until_reachable(&three, &[1, 2]);
    assert_eq!(
        (two.door().bound, two.door().why_not),
        (Some(address), None)
    );
    // Whom nobody dials listens nowhere.
    assert_eq!(three.door().bound, None);
}
