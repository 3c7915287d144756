//! Noise links, judged by snow in both roles; and listeners that are none, or another's.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use prost::Message;
use rustix::process::Signal;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::Listener;
use tmkms::link::{
    Address, Connection, Dialer, IdentityKey, Libp2pId, LinkError, Peer, Timeouts, accept_noise,
    dial,
};

use crate::support::home::{Home, PATIENCE, sign};
use crate::support::maker;

const OUR_SEED: [u8; 32] = [7; 32];
const THEIR_SEED: [u8; 32] = [9; 32];
/// What libp2p writes before a public key of each type.
const ED25519: [u8; 4] = [0x08, 1, 0x12, 32];
const SECP256K1: [u8; 4] = [0x08, 2, 0x12, 33];

/// The limits of the program, shorter.
const TIMES: Timeouts = Timeouts {
    connect: Duration::from_millis(500),
    handshake: Duration::from_millis(400),
    silence: Duration::from_millis(400),
    standby: Duration::ZERO,
    frame: Duration::from_millis(200),
    write: Duration::from_millis(500),
};

/// A message of any length; on the wire a length and bytes.
#[derive(Clone, PartialEq, Message)]
struct Payload {
    #[prost(bytes = "vec", tag = "1")]
    bytes: Vec<u8>,
}

/// Around one noise frame, and many of them.
const SIZES: [usize; 6] = [0, 1, 65_511, 65_512, 65_513, 300_000];

fn payload(size: usize) -> Vec<u8> {
    let bytes = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
    Payload { bytes }.encode_length_delimited_to_vec()
}

fn us() -> IdentityKey {
    IdentityKey::from_seed(&OUR_SEED)
}

fn them() -> Libp2pId {
    Libp2pId::of(&IdentityKey::from_seed(&THEIR_SEED))
}

/// snow with libp2p's proofs, made and read here by other crates than the program's.
struct Judge {
    stream: TcpStream,
    state: snow::TransportState,
}

fn proof(noise_key: &[u8]) -> Vec<u8> {
    let key = ed25519_consensus::SigningKey::from(THEIR_SEED);
    let text = [b"noise-libp2p-static-key:", noise_key].concat();
    let public = [&ED25519[..], key.verification_key().as_bytes()].concat();
    proof_of(&public, &key.sign(&text).to_bytes())
}

fn proof_of(public: &[u8], signature: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let (key, signed) = ([0x0a, length(public)], [0x12, length(signature)]);
    [&key[..], public, &signed, signature].concat()
}

/// That this is our proof for our noise key.
fn is_ours(payload: &[u8], noise_key: &[u8]) {
    let ours = ed25519_consensus::VerificationKey::try_from(us().public_key()).unwrap();
    let text = [b"noise-libp2p-static-key:", noise_key].concat();
    let signature = <[u8; 64]>::try_from(&payload[payload.len() - 64..]).unwrap();
    ours.verify(&signature.into(), &text).unwrap();
    let public = [&ED25519[..], &us().public_key()].concat();
    assert_eq!(payload, proof_of(&public, &signature));
}

fn write(stream: &mut TcpStream, message: &[u8]) {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, message].concat()).unwrap();
}

fn read(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn builder<T>(build: impl FnOnce(snow::Builder<'_>, &snow::Keypair) -> T) -> T {
    let pattern = "Noise_XX_25519_ChaChaPoly_SHA256".parse().unwrap();
    let builder = snow::Builder::new(pattern);
    let own = builder.generate_keypair().unwrap();
    build(builder.local_private_key(&own.private).unwrap(), &own)
}

impl Judge {
    /// As a node.
    fn listens(mut stream: TcpStream, proof: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        builder(|builder, own| {
            let mut state = builder.build_responder().unwrap();
            let (mut found, mut out) = (vec![0; 65_535], vec![0; 65_535]);
            let hello = read(&mut stream).unwrap();
            assert_eq!(hello.len(), 32);
            assert_eq!(state.read_message(&hello, &mut found).unwrap(), 0);
            let length = state.write_message(&proof(&own.public), &mut out).unwrap();
            write(&mut stream, &out[..length]);
            let last = read(&mut stream).unwrap();
            let length = state.read_message(&last, &mut found).unwrap();
            is_ours(&found[..length], state.get_remote_static().unwrap());
            let state = state.into_transport_mode().unwrap();
            Self { stream, state }
        })
    }

    /// As a signer.
    fn dials(mut stream: TcpStream) -> Self {
        builder(|builder, own| {
            let mut state = builder.build_initiator().unwrap();
            let (mut found, mut out) = (vec![0; 65_535], vec![0; 65_535]);
            let length = state.write_message(&[], &mut out).unwrap();
            write(&mut stream, &out[..length]);
            let answer = read(&mut stream).unwrap();
            let length = state.read_message(&answer, &mut found).unwrap();
            is_ours(&found[..length], state.get_remote_static().unwrap());
            let length = state.write_message(&proof(&own.public), &mut out).unwrap();
            write(&mut stream, &out[..length]);
            let state = state.into_transport_mode().unwrap();
            Self { stream, state }
        })
    }

    fn send(&mut self, data: &[u8]) {
        let mut out = vec![0; 65_535];
        for chunk in data.chunks(65_519) {
            let length = self.state.write_message(chunk, &mut out).unwrap();
            write(&mut self.stream, &out[..length]);
        }
    }

    fn receive(&mut self, length: usize) -> Vec<u8> {
        let (mut found, mut out) = (Vec::new(), vec![0; 65_535]);
        while found.len() < length {
            let message = read(&mut self.stream).unwrap();
            let length = self.state.read_message(&message, &mut out).unwrap();
            found.extend_from_slice(&out[..length]);
        }
        found
    }
}

/// A listener that behaves as `peer` says, and how it is dialled.
fn listener(
    id: Libp2pId,
    peer: impl FnOnce(TcpStream) + Send + 'static,
) -> (Address, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = thread::spawn(move || peer(listener.accept().unwrap().0));
    let address = Address::Noise {
        peer_id: id,
        host: "127.0.0.1".to_owned(),
        port,
    };
    (address, peer)
}

fn dialled(address: &Address, times: &Timeouts) -> Result<Connection, LinkError> {
    dial(address, Some(&us()), times, |_| {})
}

fn error(result: Result<Connection, LinkError>) -> LinkError {
    result.err().expect("the link was made")
}

/// Requests of any length reach us, and replies that fit one frame reach it.
#[test]
fn we_dial_snow() {
    let (address, judge) = listener(them(), |stream| {
        let mut judge = Judge::listens(stream, proof);
        for size in SIZES {
            judge.send(&payload(size));
            let short = payload(size.min(60_000));
            assert_eq!(judge.receive(short.len()), short);
        }
        // Several in one frame.
        judge.send(&[payload(3), payload(4)].concat());
    });
    let mut connection = dialled(&address, &Timeouts::default()).unwrap();
    assert_eq!(connection.peer(), Some(Peer::Libp2p(them())));
    for size in SIZES {
        let found = connection.receive().unwrap().bytes.to_vec();
        let found = Payload::decode(found.as_slice()).unwrap();
        assert_eq!(found.encode_length_delimited_to_vec(), payload(size));
        connection.send(&payload(size.min(60_000))).unwrap();
    }
    for size in [3, 4] {
        let found = Payload::decode(connection.receive().unwrap().bytes).unwrap();
        assert_eq!(found.bytes.len(), size);
    }
    judge.join().unwrap();
    let long = connection.send(&payload(70_000));
    assert!(matches!(long, Err(LinkError::NoiseFrame(_))), "{long:?}");
}

#[test]
fn snow_dials_us() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let judge = thread::spawn(move || {
        let mut judge = Judge::dials(TcpStream::connect(address).unwrap());
        for size in SIZES {
            let long = payload(size);
            assert_eq!(judge.receive(long.len()), long);
            judge.send(&long);
        }
    });
    let stream = listener.accept().unwrap().0;
    let mut connection = accept_noise(stream, &us(), Some(them()), &Timeouts::default()).unwrap();
    for size in SIZES {
        connection.send(&payload(size)).unwrap();
        let found = Payload::decode(connection.receive().unwrap().bytes).unwrap();
        assert_eq!(found.bytes.len(), size);
    }
    judge.join().unwrap();
}

/// A node whose node key is secp256k1.
#[test]
fn a_secp256k1_node_is_known_by_its_key() {
    use k256::ecdsa::signature::Signer;
    let key = k256::ecdsa::SigningKey::from_slice(&[3; 32]).unwrap();
    let id = "16Uiu2HAm12A2heuphsgWqFjE3jcHVXNBfte9HU1fuQYRSKh6JSpN";
    let (address, judge) = listener(id.parse().unwrap(), move |stream| {
        let mut judge = Judge::listens(stream, |noise_key| {
            let text = [b"noise-libp2p-static-key:", noise_key].concat();
            let signature: k256::ecdsa::Signature = key.sign(&text);
            let point = key.verifying_key().to_encoded_point(true);
            let public = [&SECP256K1[..], point.as_bytes()].concat();
            proof_of(&public, signature.to_der().as_bytes())
        });
        judge.send(&payload(5));
    });
    let mut connection = dialled(&address, &TIMES).unwrap();
    assert_eq!(connection.peer().unwrap().to_string(), id);
    assert!(connection.receive().is_ok());
    judge.join().unwrap();
}

/// It learns nothing of us: the last message is not sent.
#[test]
fn another_node_than_the_address_says_is_left() {
    let other = Libp2pId::of(&IdentityKey::from_seed(&[1; 32]));
    let (address, judge) = listener(other, |mut stream| {
        builder(|builder, own| {
            let mut state = builder.build_responder().unwrap();
            let (mut found, mut out) = (vec![0; 65_535], vec![0; 65_535]);
            let hello = read(&mut stream).unwrap();
            state.read_message(&hello, &mut found).unwrap();
            let length = state.write_message(&proof(&own.public), &mut out).unwrap();
            write(&mut stream, &out[..length]);
            assert!(read(&mut stream).is_err());
        });
    });
    let text = error(dialled(&address, &TIMES)).to_string();
    for words in [&other.to_string(), &them().to_string(), "show-node-id"] {
        assert!(text.contains(words), "{text}");
    }
    judge.join().unwrap();
}

#[test]
fn our_own_id_in_the_address_is_told_before_anything_is_dialled() {
    let address = Address::Noise {
        peer_id: Libp2pId::of(&us()),
        host: "127.0.0.1".to_owned(),
        port: 1,
    };
    let error = error(dialled(&address, &TIMES));
    assert!(matches!(error, LinkError::OwnId(_)), "{error}");
    assert!(error.to_string().contains("show-node-id --libp2p"));
}

#[test]
fn a_node_that_names_another_signer_is_told_apart_from_one_that_goes_away() {
    let listener = Listener::noise(Some(them())).unwrap();
    let address = listener.address().unwrap();
    let node = thread::spawn(move || listener.accept(Duration::from_secs(5)).err().unwrap());
    let mut connection = dialled(&address, &Timeouts::default()).unwrap();
    let error = connection.receive().err().unwrap();
    let ours = Libp2pId::of(&us()).to_string();
    assert!(matches!(error, LinkError::NotAdmitted(_)), "{error}");
    assert!(error.to_string().contains(&format!("noise://{ours}@")));
    let theirs = node.join().unwrap().to_string();
    assert!(theirs.contains(&ours), "{theirs}");

    // Admitted, asked, and then left.
    let listener = Listener::noise(Some(Libp2pId::of(&us()))).unwrap();
    let address = listener.address().unwrap();
    let node = thread::spawn(move || {
        let mut node = listener.accept(Duration::from_secs(5)).unwrap();
        node.send_raw(&payload(5)).unwrap();
    });
    let mut connection = dialled(&address, &Timeouts::default()).unwrap();
    connection.receive().unwrap();
    let error = connection.receive().err().unwrap();
    assert!(matches!(error, LinkError::Closed), "{error}");
    node.join().unwrap();
}

#[test]
fn links_of_the_wrong_scheme_are_named_in_both_directions() {
    // `tcp://` to a noise listener, which waits for more of what it takes for a message, and is asked again.
    let listener = Listener::noise(None).unwrap();
    let Address::Noise { host, port, .. } = listener.address().unwrap() else {
        panic!()
    };
    let node = thread::spawn(move || {
        for _ in 0..2 {
            assert!(listener.accept(Duration::from_secs(5)).is_err());
        }
    });
    let address = Address::Tcp {
        peer_id: None,
        host,
        port,
    };
    let found = error(dialled(&address, &TIMES));
    assert!(matches!(found, LinkError::NoiseListener), "{found}");
    node.join().unwrap();

    // `noise://` to a stock listener.
    let listener = Listener::tcp().unwrap();
    let Address::Tcp { host, port, .. } = listener.address().unwrap() else {
        panic!()
    };
    let node = thread::spawn(move || listener.accept(Duration::from_secs(5)).err().unwrap());
    let address = Address::Noise {
        peer_id: them(),
        host,
        port,
    };
    let found = error(dialled(&address, &TIMES));
    let is_named = matches!(found, LinkError::SecretConnectionListener);
    assert!(is_named, "{found}");
    node.join().unwrap();
}

/// Each connection that leads to nothing holds up a node that takes one at a time, so a node that is slow to answer is not asked
/// at once whether it is one for noise; and a shutdown can end what asks.
#[test]
fn a_slow_node_gets_no_second_connection_for_one_silence() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = Address::Tcp {
        peer_id: None,
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    let mut dialer = Dialer::new(&address);
    let mut connections = Vec::new();
    for expected in [1, 3, 4, 6] {
        let mut closers = Vec::new();
        let began = Instant::now();
        let found = dialer.dial(Some(&us()), &TIMES, |closer| closers.push(closer));
        let found = error(found);
        assert!(matches!(found, LinkError::HandshakeTimeout(_)), "{found}");
        assert!(began.elapsed() < TIMES.handshake * 5 / 2);
        let before = connections.len();
        connections.extend(std::iter::from_fn(|| listener.accept().ok()));
        assert_eq!(connections.len(), expected);
        assert_eq!(closers.len(), expected - before);
    }
}

/// What was found out is told at each silence.
#[test]
fn a_noise_listener_is_named_again_without_being_asked_again() {
    let noise = Listener::noise(None).unwrap();
    let Address::Noise { host, port, .. } = noise.address().unwrap() else {
        panic!()
    };
    let address = Address::Tcp {
        peer_id: None,
        host,
        port,
    };
    let node = thread::spawn(move || {
        for _ in 0..4 {
            assert!(noise.accept(Duration::from_secs(5)).is_err());
        }
    });
    let mut dialer = Dialer::new(&address);
    let mut dial = || dialer.dial(Some(&us()), &TIMES, |_| {}).map(drop);
    // This one closes at once, as go-libp2p's does not.
    assert!(matches!(dial(), Err(LinkError::HandshakeClosed)));
    for _ in 0..2 {
        assert!(matches!(dial(), Err(LinkError::NoiseListener)));
    }
    node.join().unwrap();
}

#[test]
fn an_http_server_is_named_on_noise_links_too() {
    let (address, _) = listener(them(), |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read(&mut [0; 64]);
    });
    let error = error(dialled(&address, &TIMES));
    assert!(matches!(error, LinkError::NotPrivval(_)), "{error}");
}

/// Each is one sentence, told at once.
#[test]
fn answers_that_are_none_are_refused() {
    let answer = |bytes: &'static [u8]| {
        let (address, _peer) = listener(them(), move |mut stream| {
            let _ = stream.write_all(bytes);
            let _ = stream.read(&mut [0; 64]);
            thread::sleep(Duration::from_millis(50));
        });
        let began = Instant::now();
        let text = error(dialled(&address, &TIMES)).to_string();
        assert!(began.elapsed() < TIMES.handshake, "{text}");
        text
    };
    static LOW: [u8; 202] = {
        let mut bytes = [0; 202];
        bytes[1] = 200;
        bytes
    };
    static FORGED: [u8; 202] = {
        let mut bytes = [9; 202];
        bytes[0] = 0;
        bytes[1] = 200;
        bytes
    };
    for (bytes, words) in [
        (&[0, 0][..], "was cut"),
        (&[0, 3, 1, 2, 3], "was cut"),
        (&[0x10, 1, 0xff, 0xff, 0xff], "a message of 4097 bytes"),
        (&[0xff, 0xff, 0, 0, 0], "a message of 65535 bytes"),
        (&LOW, "low order"),
        (&FORGED, "does not authenticate"),
    ] {
        let told = answer(bytes);
        assert!(told.contains(words), "no {words} in {told}");
    }
}

#[test]
fn a_listener_that_drips_or_says_nothing_has_no_more_time_than_others() {
    for pause in [Duration::from_millis(30), Duration::from_secs(2)] {
        let (address, _) = listener(them(), move |mut stream| {
            for byte in [0, 200].into_iter().chain([1; 40]) {
                thread::sleep(pause);
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
            }
        });
        let began = Instant::now();
        let error = error(dialled(&address, &TIMES));
        assert!(matches!(error, LinkError::HandshakeTimeout(_)), "{error}");
        assert!(began.elapsed() < Duration::from_millis(1500));
    }
}

/// After the handshake, written below the cipher.
#[test]
fn frames_that_are_none_end_the_link() {
    let after = |bytes: &'static [u8]| {
        let (address, _) = listener(them(), move |stream| {
            let mut judge = Judge::listens(stream, proof);
            let _ = judge.stream.write_all(bytes);
            thread::sleep(TIMES.frame * 2);
        });
        let mut connection = dialled(&address, &TIMES).unwrap();
        connection.receive().err().unwrap()
    };
    for (bytes, code, words) in [
        (&[0, 0][..], "sealed", "0 bytes, and the shortest has 16"),
        (
            &[0, 16, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            "sealed",
            "authenticate",
        ),
        (&[0xff, 0xff, 1], "half_frame", "a part of a request"),
        (&[1], "half_frame", "a part of a request"),
    ] {
        let found = after(bytes);
        assert_eq!(found.code(), code, "{found}");
        assert!(found.to_string().contains(words), "{found}");
    }
}

/// The program signs over a noise link, and says who is at its end.
#[test]
fn votes_are_signed_over_noise() {
    let listener = Listener::noise(None).unwrap();
    let address = listener.address().unwrap();
    let home = Home::new(std::slice::from_ref(&address));
    home.init();
    let mut service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    for height in 1..20 {
        assert!(sign(&mut node, &home.key, height, 1));
        assert!(!sign(&mut node, &home.key, height, 2), "the double sign");
    }
    // As long an extension as there is, in a request over many frames.
    let vote = maker().precommit(20, 0, Some(1), 20, &vec![7; 1_048_576]);
    let answer = node.ask(&Ask::Sign(vote)).unwrap();
    let is_signed = matches!(
        &answer,
        Answer::Signed {
            extension_signature: Some(_),
            ..
        }
    );
    assert!(is_signed, "{answer:?}");
    let (code, told) = home.run(&["status"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains(&address.to_string()), "{told}");
    // The link is made again.
    drop(node);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 30, 1));
    service.signal(Signal::TERM);
    assert_eq!(service.wait().code(), Some(0));
    let log = service.log();
    assert_eq!(log.matches("ERROR").count(), 19, "{log}");
}

#[test]
fn a_node_that_does_not_admit_us_is_named_in_the_log() {
    let listener = Listener::noise(Some(them())).unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let mut service = home.start();
    let refused = listener.accept(PATIENCE).err().unwrap();
    assert!(refused.to_string().contains("not 12D3Koo"), "{refused}");
    service.wait_for_log("names another signer's peer id");
    service.signal(Signal::TERM);
    service.wait();
}
