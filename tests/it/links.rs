//! Peers that are none: each has its message, and none holds a thread or memory.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use tmkms::link::{Address, Connection, IdentityKey, LinkError, Timeouts, accept_unix, dial};

/// The limits of the program, a hundred times shorter.
const TIMES: Timeouts = Timeouts {
    connect: Duration::from_millis(200),
    handshake: Duration::from_millis(150),
    silence: Duration::from_millis(300),
    standby: Duration::ZERO,
    frame: Duration::from_millis(100),
    write: Duration::from_millis(200),
};

fn identity() -> IdentityKey {
    IdentityKey::from_seed(&[1; 32])
}

/// Dials a listener that behaves as `peer` says.
fn dialled(peer: impl FnOnce(TcpStream) + Send + 'static) -> Result<Connection, LinkError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || peer(listener.accept().unwrap().0));
    let address = Address::Tcp {
        peer_id: None,
        host: "127.0.0.1".to_owned(),
        port,
    };
    dial(&address, Some(&identity()), &TIMES, |_| {})
}

fn error(result: Result<Connection, LinkError>) -> LinkError {
    result.err().expect("the link was made")
}

#[test]
fn an_http_server_is_named() {
    let error = error(dialled(|mut stream| {
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n");
    }));
    assert!(
        matches!(&error, LinkError::NotPrivval(text) if text.starts_with("HTTP/1.1 400")),
        "{error}"
    );
    assert!(error.to_string().contains("RPC"), "{error}");
}

#[test]
fn a_peer_that_says_nothing_is_left() {
    let began = Instant::now();
    let error = error(dialled(|stream| {
        thread::sleep(Duration::from_secs(2));
        drop(stream);
    }));
    assert!(matches!(error, LinkError::HandshakeTimeout(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_peer_that_drips_has_no_more_time_than_others() {
    let began = Instant::now();
    let error = error(dialled(|mut stream| {
        for byte in [0x22, 0x0a, 0x20].into_iter().chain([1; 40]) {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(30));
        }
    }));
    assert!(matches!(error, LinkError::HandshakeTimeout(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_peer_that_hangs_up_and_one_with_garbage() {
    let closed = error(dialled(|mut stream| {
        let _ = stream.read(&mut [0; 64]);
    }));
    assert!(matches!(closed, LinkError::HandshakeClosed), "{closed}");
    let garbage = error(dialled(|mut stream| {
        let _ = stream.write_all(&[0xff; 64]);
        thread::sleep(Duration::from_millis(300));
    }));
    assert!(matches!(garbage, LinkError::Handshake(_)), "{garbage}");
}

#[test]
fn a_wrong_peer_id_is_told_with_both() {
    let listener = tmkms::harness::Listener::tcp().unwrap();
    let Address::Tcp { host, port, .. } = listener.address().unwrap() else {
        panic!()
    };
    let expected = IdentityKey::from_seed(&[99; 32]).peer_id();
    let address = Address::Tcp {
        peer_id: Some(expected),
        host,
        port,
    };
    let found = listener.peer_id();
    let node = thread::spawn(move || listener.accept(Duration::from_secs(5)).map(|_| ()));
    let error = error(dial(&address, Some(&identity()), &TIMES, |_| {}));
    let text = error.to_string();
    assert!(
        text.contains(&expected.to_string()) && text.contains(&found.to_string()),
        "{text}"
    );
    let _ = node.join().unwrap();
}

#[test]
fn nobody_there() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = Address::Tcp {
        peer_id: None,
        host: "127.0.0.1".to_owned(),
        port,
    };
    let refused = error(dial(&address, Some(&identity()), &TIMES, |_| {}));
    assert!(matches!(refused, LinkError::Connect(_)), "{refused}");
    let address = Address::Unix("/nonexistent/privval.sock".into());
    let missing = error(dial(&address, None, &TIMES, |_| {}));
    assert!(matches!(missing, LinkError::Connect(_)), "{missing}");
    let address = Address::Tcp {
        peer_id: None,
        host: "no-such-host.invalid".to_owned(),
        port: 1,
    };
    let unknown = error(dial(&address, Some(&identity()), &TIMES, |_| {}));
    assert!(matches!(unknown, LinkError::Resolve { .. }), "{unknown}");
}

#[test]
fn a_unix_listener_that_accepts_nobody_does_not_hold_us() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let address = Address::Unix(path);
    let mut held = Vec::new();
    let began = Instant::now();
    // Until its queue is full.
    let error = loop {
        match dial(&address, None, &TIMES, |_| {}) {
            Ok(connection) => held.push(connection),
            Err(error) => break error,
        }
        assert!(held.len() < 10_000);
    };
    assert!(error.to_string().contains("queue"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Our end and the peer's raw end of a Unix link.
fn unix() -> (Connection, std::os::unix::net::UnixStream) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    (accept_unix(ours, &TIMES).unwrap(), theirs)
}

#[test]
fn half_a_frame_is_not_waited_for_for_ever() {
    let (mut ours, mut theirs) = unix();
    theirs.write_all(&[10, 1, 2, 3]).unwrap();
    let began = Instant::now();
    let error = ours.receive().err().unwrap();
    assert!(matches!(error, LinkError::HalfFrame(_)), "{error}");
    assert!(began.elapsed() < TIMES.silence, "the shorter limit counts");
}

#[test]
fn a_frame_that_drips_must_end_in_time() {
    let (mut ours, mut theirs) = unix();
    let dripper = thread::spawn(move || {
        for byte in [50_u8; 51] {
            if theirs.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    });
    let began = Instant::now();
    let error = ours.receive().err().unwrap();
    assert!(matches!(error, LinkError::HalfFrame(_)), "{error}");
    assert!(began.elapsed() < Duration::from_millis(300));
    drop(ours);
    dripper.join().unwrap();
}

#[test]
fn silence_ends_a_link_and_a_slow_frame_in_time_does_not() {
    let (mut ours, mut theirs) = unix();
    theirs.write_all(&[3, 1]).unwrap();
    let later = thread::spawn(move || {
        thread::sleep(Duration::from_millis(40));
        theirs.write_all(&[2, 3]).unwrap();
        theirs
    });
    assert_eq!(ours.receive().unwrap().bytes, [1, 2, 3]);
    let theirs = later.join().unwrap();
    let error = ours.receive().err().unwrap();
    assert!(matches!(error, LinkError::Silent(_)), "{error}");
    drop(theirs);
}

#[test]
fn an_announced_length_above_the_ceiling_ends_the_link() {
    let (mut ours, mut theirs) = unix();
    theirs.write_all(&[0xff, 0xff, 0xff, 0xff, 0x0f]).unwrap();
    let error = ours.receive().err().unwrap();
    assert!(matches!(error, LinkError::Frame(_)), "{error}");
}

#[test]
fn a_reply_that_nobody_takes_is_given_up() {
    let (mut ours, _theirs) = unix();
    let began = Instant::now();
    let error = loop {
        if let Err(error) = ours.send(&[0; 64 * 1024]) {
            break error;
        }
        assert!(began.elapsed() < Duration::from_secs(5));
    };
    assert!(matches!(error, LinkError::NotTaken(_)), "{error}");
}

#[test]
fn a_reply_that_is_taken_in_drips_has_no_more_time_than_others() {
    let (mut ours, mut theirs) = unix();
    let taker = thread::spawn(move || {
        for _ in 0..40 {
            let _ = theirs.read(&mut [0; 512]);
            thread::sleep(Duration::from_millis(20));
        }
    });
    let began = Instant::now();
    let error = ours.send(&vec![0; 4 * 1024 * 1024]).err().unwrap();
    assert!(matches!(error, LinkError::NotTaken(_)), "{error}");
    assert!(began.elapsed() < 2 * TIMES.write, "{:?}", began.elapsed());
    drop(ours);
    taker.join().unwrap();
}

#[test]
fn empty_encrypted_frames_are_silence_too() {
    use tmkms::link::secret_connection::{HELLO, Handshake, SEALED};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let (us, hello) = Handshake::start([3; 32]);
        stream.write_all(&hello).unwrap();
        let mut theirs = [0; HELLO];
        stream.read_exact(&mut theirs).unwrap();
        let mut proof = Vec::new();
        let us = us.hello(&theirs, &identity(), &mut proof).unwrap();
        stream.write_all(&proof).unwrap();
        let mut frame = [0; SEALED];
        stream.read_exact(&mut frame).unwrap();
        let mut us = us.auth(&mut frame).unwrap();
        for _ in 0..40 {
            let mut empty = Vec::new();
            us.sealer.seal_empty(&mut empty).unwrap();
            if stream.write_all(&empty).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    let address = Address::Tcp {
        peer_id: None,
        host: "127.0.0.1".to_owned(),
        port,
    };
    let mut ours = dial(&address, Some(&identity()), &TIMES, |_| {}).unwrap();
    let began = Instant::now();
    let error = ours.receive().err().unwrap();
    assert!(matches!(error, LinkError::Silent(_)), "{error}");
    assert!(began.elapsed() < 3 * TIMES.silence, "{:?}", began.elapsed());
    drop(ours);
    peer.join().unwrap();
}

#[test]
fn a_closer_wakes_a_blocked_read() {
    let (mut ours, _theirs) = unix();
    let closer = ours.closer().unwrap();
    let waiting = thread::spawn(move || {
        let error = ours.receive().err().unwrap();
        // The other direction still works: a vote in hand is finished.
        ours.send(b"x").unwrap();
        error
    });
    thread::sleep(Duration::from_millis(20));
    closer.stop_reading();
    assert!(matches!(waiting.join().unwrap(), LinkError::Closed));
}

/// The port for peers does the same handshake; what follows tells.
#[test]
fn a_node_that_greets_a_peer_is_named() {
    use tmkms::codec::{Malformed, decode};
    let field = |tag: u8, bytes: &[u8]| {
        let mut field = vec![tag << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        field.extend_from_slice(bytes);
        field
    };
    // DefaultNodeInfo of proto/tendermint/p2p/types.proto.
    let greeting = |id: &[u8]| {
        [
            field(1, &[8, 8, 16, 11, 24, 1]),
            field(2, id),
            field(3, b"tcp://0.0.0.0:26656"),
            field(4, b"cosmoshub-4"),
            field(5, b"0.38.17"),
            field(
                6,
                &[0x40, 0x20, 0x21, 0x22, 0x23, 0x30, 0x38, 0x60, 0x61, 0],
            ),
            field(7, b"moniker"),
            field(
                8,
                &[&field(1, b"on")[..], &field(2, b"tcp://127.0.0.1:26657")].concat(),
            ),
        ]
        .concat()
    };
    for id in [
        &b"f88883b673fc69d7869cab098de3bafc2ff76eb8"[..],
        b"0000000000000000000000000000000000000000",
        b"9999999999999999999999999999999999999999",
    ] {
        assert_eq!(decode(&greeting(id)), Err(Malformed::NodeInfo));
    }
    assert_ne!(decode(&greeting(b"somebody")), Err(Malformed::NodeInfo));
    assert_ne!(decode(b"nonsense"), Err(Malformed::NodeInfo));
    let error = tmkms::session::End::from(Malformed::NodeInfo);
    assert_eq!(error.code(), "not_privval");
    assert!(error.to_string().contains("p2p.laddr"), "{error}");
}
