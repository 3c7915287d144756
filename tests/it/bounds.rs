//! Whatever a node sends, what is kept, logged and shown of it has a length that does not depend on it.

use crate::support::home::{Home, PATIENCE, sign};
use crate::support::http::{address, get, wait_for, with_metrics};
use tmkms::codec::node::Ask;
use tmkms::consensus::ChainId;
use tmkms::harness::messages::Maker;
use tmkms::harness::{Listener, Node};

const MEBIBYTE: usize = 1 << 20;
/// More than a link may log of one kind at once.
const TIMES: usize = 120;

fn varint(mut number: usize, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
}

/// A protobuf field of bytes.
fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag << 3 | 2];
    varint(content.len(), &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// A request with its length.
fn request(tag: u8, content: &[u8]) -> Vec<u8> {
    let envelope = field(tag, content);
    let mut bytes = Vec::new();
    varint(envelope.len(), &mut bytes);
    bytes.extend(envelope);
    bytes
}

/// The vote or proposal in a request that a node would send.
fn inner(ask: &Ask) -> Vec<u8> {
    let mut bytes = Vec::new();
    tmkms::codec::node::encode(ask, &mut bytes);
    // Its length, its tag, the length of that.
    let envelope = &bytes[bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1..];
    let body = &envelope[1..];
    body[body.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1..].to_vec()
}

/// Requests of a mebibyte, each with the place where it is.
fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let maker = Maker::new("test-1".parse::<ChainId>().unwrap());
    let vote = inner(&Ask::Sign(maker.prevote(9, 0, Some(1), 9)));
    let proposal = inner(&Ask::Sign(maker.proposal(9, 0, 1, 9)));
    let long = |byte: u8| vec![byte; MEBIBYTE];
    // A later field of a number replaces an earlier one; messages are merged.
    let with_chain = |message: &[u8], id: &[u8]| [message, &field(2, id)].concat();
    let hash = field(1, &field(4, &field(1, &long(b'h'))));
    let address = field(1, &field(6, &long(b'a')));
    let extension = field(1, &field(9, &long(b'e')));
    vec![
        ("public key, letters", request(1, &field(1, &long(b'c')))),
        ("public key, escapes", request(1, &field(1, &long(0x1b)))),
        ("public key, no text", request(1, &field(1, &long(0xff)))),
        (
            "vote, chain id",
            request(3, &with_chain(&vote, &long(b'c'))),
        ),
        (
            "proposal, chain id",
            request(5, &with_chain(&proposal, &long(b'\n'))),
        ),
        ("vote, hash", request(3, &[vote.clone(), hash].concat())),
        (
            "vote, extension",
            request(3, &[vote.clone(), extension].concat()),
        ),
        (
            "vote, address",
            request(3, &with_chain(&[vote, address].concat(), b"test-2")),
        ),
        (
            "raw, chain id",
            request(
                9,
                &[field(1, &long(b'c')), field(2, b"x"), field(3, b"x")].concat(),
            ),
        ),
        (
            "raw, purpose",
            request(
                9,
                &[field(1, b"test-1"), field(2, b"x"), field(3, &long(0x1b))].concat(),
            ),
        ),
        (
            "raw, bytes",
            request(
                9,
                &[field(1, b"test-1"), field(2, &long(1)), field(3, b"ok")].concat(),
            ),
        ),
        // What no codec knows.
        ("unknown field", request(7, &field(9, &long(b'u')))),
    ]
}

fn is_short(name: &str, node: &mut Node) {
    let answer = node.receive_raw().unwrap();
    assert!(answer.len() < 1_500, "{name}: {} bytes", answer.len());
}

#[test]
fn a_node_that_sends_mebibytes_fills_no_log_no_status_and_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let listener = Listener::unix(&folder.path().join("node.sock")).unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    let allowed = "[chain.raw_bytes]\ndialect = \"celestia\"\nids = [\"ok\"]\nmax_bytes = 100\n";
    home.configure(
        &home
            .config()
            .replacen("[[validator]]", &format!("{allowed}[[validator]]"), 1),
    );
    with_metrics(&home, "listen = \"127.0.0.1:0\"");
    home.init();
    let service = home.start();
    let at = address(&service);
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let requests = requests();
    // Once each, so that what is reserved once is not counted.
    for (name, bytes) in &requests {
        node.send_raw(bytes).unwrap();
        is_short(name, &mut node);
    }
    let before = service.resident();
    for (name, bytes) in &requests {
        for _ in 0..TIMES {
            node.send_raw(bytes).unwrap();
            is_short(name, &mut node);
        }
    }
    let grown = service.resident().saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} KiB more");
    assert!(sign(&mut node, &home.key, 2, 1), "and it signs on");

    let (code, status) = home.run(&["status", "--json"]);
    assert_eq!(code, 0, "{status}");
    assert!(status.len() < 16 * 1024, "{} bytes", status.len());
    let (code, page) = get(&at, "/");
    assert_eq!(code, 200);
    assert!(page.len() < 64 * 1024, "{} bytes", page.len());
    assert!(get(&at, "/metrics").1.len() < 256 * 1024);
    for words in [
        "(the first 50 of 1048576 bytes) is not a chain id: a chain id has at most 50 bytes",
        "the purpose \"\\u{1b}",
    ] {
        service.wait_for_log(words);
    }
    let log = service.log();
    let longest = log.lines().map(str::len).max().unwrap();
    assert!(longest < 2_000, "a line of {longest} bytes");
    assert!(log.len() < 512 * 1024, "{} bytes", log.len());
    assert!(!log.contains('\u{1b}'));
}

/// What is not a request ends the link in few words, and what a signer says of itself is short at the node's side, too.
#[test]
fn what_cannot_be_answered_is_told_in_few_words() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    let service = home.start();
    for bytes in [
        request(8, &field(1, &vec![b'p'; MEBIBYTE])),
        request(1, &vec![0xff; MEBIBYTE]),
        [&[0xff; 9][..], &vec![b'x'; MEBIBYTE]].concat(),
    ] {
        let mut node = listener.accept(PATIENCE).unwrap();
        let _ = node.send_raw(&bytes);
        assert!(node.receive_raw().is_err());
    }
    let _node = listener.accept(PATIENCE).unwrap();
    service.wait_for_log("is this a CometBFT node");
    service.wait_for_log("the link cannot be read on");
    wait_for("a link", || home.run(&["status", "--ready"]).0 == 0);
    let longest = service.log().lines().map(str::len).max().unwrap();
    assert!(longest < 2_000, "a line of {longest} bytes");
    let (code, status) = home.run(&["status", "--json"]);
    assert_eq!(code, 0, "{status}");
    assert!(status.len() < 16 * 1024, "{} bytes", status.len());
}
