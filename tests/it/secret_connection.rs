//! Our SecretConnection judged by two others, cometbft-p2p and tendermint-p2p, in both roles.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use cometbft_p2p::{ReadMsg, WriteMsg};
use prost::Message;
use tendermint_p2p::secret_connection::{SecretConnection as Tendermint, Version};
use tmkms::link::{Address, Connection, IdentityKey, Peer, PeerId, Timeouts, accept_tcp, dial};

const OUR_SEED: [u8; 32] = [7; 32];
const THEIR_SEED: [u8; 32] = [9; 32];

/// A message of any length; on the wire a length and bytes.
#[derive(Clone, PartialEq, Message)]
struct Payload {
    #[prost(bytes = "vec", tag = "1")]
    bytes: Vec<u8>,
}

/// Below, at and above the size of one encrypted frame, and many frames.
const SIZES: [usize; 7] = [0, 1, 1019, 1020, 1021, 5_000, 300_000];

fn payload(size: usize) -> Payload {
    Payload {
        bytes: (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect(),
    }
}

fn us() -> IdentityKey {
    IdentityKey::from_seed(&OUR_SEED)
}

fn them() -> PeerId {
    IdentityKey::from_seed(&THEIR_SEED).peer_id()
}

fn check(mut connection: Connection, judge: JoinHandle<()>) {
    assert_eq!(connection.peer(), Some(Peer::Node(them())));
    for size in SIZES {
        connection
            .send(&payload(size).encode_length_delimited_to_vec())
            .unwrap();
        let echo = connection.receive().unwrap();
        assert_eq!(
            Payload::decode(echo.bytes).unwrap(),
            payload(size),
            "{size} bytes"
        );
    }
    judge.join().unwrap();
}

/// We dial, the judge listens.
fn we_dial(judge: fn(TcpStream)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let judge = thread::spawn(move || judge(listener.accept().unwrap().0));
    let address = Address::Tcp {
        peer_id: Some(them()),
        host: "127.0.0.1".to_owned(),
        port,
    };
    let connection = dial(&address, Some(&us()), &Timeouts::default(), |_| {}).unwrap();
    check(connection, judge);
}

/// The judge dials, we listen.
fn we_listen(judge: fn(TcpStream)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let judge = thread::spawn(move || judge(TcpStream::connect(address).unwrap()));
    let stream = listener.accept().unwrap().0;
    check(
        accept_tcp(stream, &us(), &Timeouts::default()).unwrap(),
        judge,
    );
}

fn cometbft(stream: TcpStream) {
    let identity = cometbft_p2p::IdentitySecret::from_bytes(&THEIR_SEED);
    let mut connection = cometbft_p2p::SecretConnection::new(stream, &identity).unwrap();
    let peer = connection.peer_public_key().ed25519().unwrap();
    assert_eq!(peer.to_bytes(), us().public_key());
    for _ in SIZES {
        let message: Payload = connection.read_msg().unwrap();
        connection.write_msg(&message).unwrap();
    }
}

fn tendermint(stream: TcpStream) {
    let identity = ed25519_consensus::SigningKey::from(THEIR_SEED);
    let mut connection = Tendermint::new(stream, identity, Version::V0_34).unwrap();
    for size in SIZES {
        let message = payload(size).encode_length_delimited_to_vec();
        let mut found = Vec::new();
        while found.len() < message.len() {
            // That crate wants room for a whole frame at each read.
            let mut chunk = [0; 1024];
            let count = connection.read(&mut chunk).unwrap();
            found.extend_from_slice(&chunk[..count]);
        }
        assert_eq!(found, message);
        connection.write_all(&message).unwrap();
        connection.flush().unwrap();
    }
}

#[test]
fn we_dial_cometbft_p2p() {
    we_dial(cometbft);
}

#[test]
fn cometbft_p2p_dials_us() {
    we_listen(cometbft);
}

#[test]
fn we_dial_tendermint_p2p() {
    we_dial(tendermint);
}

#[test]
fn tendermint_p2p_dials_us() {
    we_listen(tendermint);
}
