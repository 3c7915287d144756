//! The wire: messages and sign bytes made by CometBFT's own code (`interop/`), decoded, compared and encoded again.

use serde_json::Value;
use tmkms::codec::{self, node};
use tmkms::consensus::{Position, PublicKey, SignBytes, Signature};
use tmkms::reply::{RemoteError, Reply};
use tmkms::request::{Asked, Message, Request, SignRequest};

const SERIES: [(&str, &str); 5] = [
    ("v0.34", include_str!("../wire/v0.34.json")),
    ("v0.37", include_str!("../wire/v0.37.json")),
    ("v0.38", include_str!("../wire/v0.38.json")),
    ("v0.39", include_str!("../wire/v0.39.json")),
    ("v0.40", include_str!("../wire/v0.40.json")),
];

fn vectors() -> impl Iterator<Item = (String, Value)> {
    SERIES.into_iter().flat_map(|(series, text)| {
        let list: Vec<Value> = serde_json::from_str(text).unwrap();
        assert!(list.len() > 60, "{series} has few vectors");
        list.into_iter().map(move |vector| {
            let name = format!(
                "{series} {} {} {}",
                vector["kind"], vector["name"], vector["chain_id"]
            );
            (name, vector)
        })
    })
}

fn hex(vector: &Value, field: &str) -> Vec<u8> {
    let text = vector[field].as_str().unwrap_or_default();
    subtle_encoding::hex::decode(text).unwrap()
}

/// The message without its length.
fn frame(message: &[u8]) -> Vec<u8> {
    let mut decoder = codec::frame::Decoder::default();
    decoder.push(message);
    let frame = decoder.next_frame().unwrap().unwrap().to_vec();
    assert!(!decoder.is_partial() || decoder.partial().is_empty());
    frame
}

fn request(name: &str, vector: &Value) -> SignRequest {
    match codec::decode(&frame(&hex(vector, "message"))).unwrap() {
        Request::Sign(request) => request,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn requests_are_read_as_they_were_meant() {
    let mut seen = 0;
    for (name, vector) in vectors() {
        let kind = vector["kind"].as_str().unwrap();
        if !matches!(kind, "prevote" | "precommit" | "proposal") {
            continue;
        }
        seen += 1;
        let request = request(&name, &vector);
        assert_eq!(
            request.chain_id.as_str(),
            vector["chain_id"].as_str().unwrap(),
            "{name}"
        );
        let hrs = request.hrs();
        assert_eq!(hrs.step.to_string(), kind, "{name}");
        assert_eq!(
            hrs.height.get(),
            vector["height"].as_i64().unwrap(),
            "{name}"
        );
        assert_eq!(
            i64::from(hrs.round.get()),
            vector["round"].as_i64().unwrap_or(0),
            "{name}"
        );
        match request.block() {
            None => assert!(vector["block"].is_null(), "{name}"),
            Some(block) => {
                assert_eq!(block.hash.to_vec(), hex(&vector, "block"), "{name}");
                assert_eq!(block.parts.hash.to_vec(), hex(&vector, "parts"), "{name}");
                assert_eq!(
                    u64::from(block.parts.total),
                    vector["total"].as_u64().unwrap(),
                    "{name}"
                );
            }
        }
        let (seconds, nanos) = (
            vector["seconds"].as_i64().unwrap(),
            vector["nanos"].as_i64().unwrap(),
        );
        let time = request.sign_bytes().position().unwrap().timestamp;
        assert_eq!(
            (time.seconds, i64::from(time.nanos)),
            (seconds, nanos),
            "{name}"
        );
        if let Message::Proposal(proposal) = &request.message {
            let pol = proposal
                .pol_round
                .map_or(-1, |round| i64::from(round.get()));
            assert_eq!(pol, vector["pol_round"].as_i64().unwrap_or(0), "{name}");
        }
        let extension = request
            .extension()
            .map(|(_, _, extension)| extension.data.clone());
        assert_eq!(
            extension.unwrap_or_default(),
            hex(&vector, "extension"),
            "{name}"
        );
    }
    assert_eq!(seen, SERIES.len() * 64);
}

#[test]
fn sign_bytes_are_those_of_cometbft() {
    for (name, vector) in vectors().filter(|(_, vector)| vector["sign_bytes"].is_string()) {
        let request = request(&name, &vector);
        let wanted = hex(&vector, "sign_bytes");
        assert_eq!(request.sign_bytes().as_slice(), wanted, "{name}");
        let position = Position::read(&wanted).unwrap();
        assert_eq!(
            (position.hrs, position.chain_id),
            (request.hrs(), request.chain_id.clone()),
            "{name}"
        );
        // v0.34 and v0.37 know no extensions; a signer that cannot tell signs one all the same.
        let without = name.starts_with("v0.34") || name.starts_with("v0.37");
        if let Some((height, round, extension)) = request.extension()
            && !without
        {
            let bytes = SignBytes::extension(&request.chain_id, height, round, &extension.data);
            assert_eq!(
                bytes.as_slice(),
                hex(&vector, "extension_sign_bytes"),
                "{name}"
            );
        }
    }
}

#[test]
fn our_node_writes_the_bytes_of_a_real_node() {
    for (name, vector) in vectors() {
        let ask = match vector["kind"].as_str().unwrap() {
            "prevote" | "precommit" | "proposal" => node::Ask::Sign(request(&name, &vector)),
            "ping_request" => node::Ask::Ping,
            "pub_key_request" => node::Ask::PublicKey("cosmoshub-4".to_owned()),
            _ => continue,
        };
        let mut bytes = Vec::new();
        node::encode(&ask, &mut bytes);
        assert_eq!(bytes, hex(&vector, "message"), "{name}");
    }
}

#[test]
fn replies_are_the_bytes_of_cometbft() {
    let error = RemoteError {
        code: 4,
        description: "conflict".to_owned(),
    };
    for (name, vector) in vectors() {
        let reply = match vector["kind"].as_str().unwrap() {
            "ping_response" => Reply::Pong,
            "refused_vote" => Reply::Refused {
                asked: Asked::Vote,
                error: error.clone(),
            },
            "refused_proposal" => Reply::Refused {
                asked: Asked::Proposal,
                error: error.clone(),
            },
            _ => continue,
        };
        let mut bytes = Vec::new();
        codec::encode(&reply, &mut bytes);
        assert_eq!(bytes, hex(&vector, "message"), "{name}");
    }
}

#[test]
fn keys_addresses_and_signatures_are_those_of_cometbft() {
    let mut seen = 0;
    for (name, vector) in vectors().filter(|(_, vector)| vector["key"].is_string()) {
        seen += 1;
        let kind = vector["kind"]
            .as_str()
            .unwrap()
            .strip_prefix("pub_key_")
            .unwrap();
        let key = PublicKey::from_bytes(kind, &hex(&vector, "key")).unwrap();
        assert_eq!(
            key.address().to_string(),
            vector["address"].as_str().unwrap(),
            "{name}"
        );
        assert!(
            key.verify(b"vector", &Signature::from_bytes(hex(&vector, "signature"))),
            "{name}"
        );
        // Our reply begins as CometBFT's does, and goes on with the form of v1.0.
        let mut ours = Vec::new();
        codec::encode(&Reply::PublicKey(Ok(key.clone())), &mut ours);
        let (ours, theirs) = (frame(&ours), frame(&hex(&vector, "message")));
        // Behind the tag and length of the outer message.
        assert!(ours[2..].starts_with(&theirs[2..]), "{name}");
        assert_eq!(node::decode(&ours).unwrap(), node::Answer::PublicKey(key));
    }
    assert_eq!(seen, 2 * SERIES.len());
}

#[test]
fn what_only_v1_0_sends() {
    let list: Vec<Value> = serde_json::from_str(include_str!("../wire/v1.0.json")).unwrap();
    for vector in list {
        let decoded = codec::decode(&frame(&hex(&vector, "message"))).unwrap();
        match vector["name"].as_str().unwrap() {
            "sign_bytes_request" => {
                let Request::SignRaw(raw) = decoded else {
                    panic!("{decoded:?}")
                };
                assert_eq!(raw.first, b"raw");
                assert!(raw.second.is_empty() && raw.third.is_empty());
            }
            "skip_extension_signing" => {
                let Request::Sign(request) = decoded else {
                    panic!("{decoded:?}")
                };
                assert!(request.extension().unwrap().2.skip);
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn numbers_wider_than_their_field_are_refused_not_truncated() {
    use tmkms::request::InvalidInput;
    let (name, vector) = vectors()
        .find(|(_, vector)| vector["kind"] == "prevote")
        .unwrap();
    let _ = request(&name, &vector);
    // A vote with round 2^32 (field 3), which truncates to 0.
    let vote = [0x08, 1, 0x10, 5, 0x18, 0x80, 0x80, 0x80, 0x80, 0x10];
    let mut message = vec![0x0a, vote.len() as u8];
    message.extend_from_slice(&vote);
    message.extend_from_slice(&[0x12, 1, b'c']);
    let mut frame = vec![0x1a, message.len() as u8];
    frame.extend_from_slice(&message);
    let Request::Invalid(invalid) = codec::decode(&frame).unwrap() else {
        panic!()
    };
    assert_eq!(invalid.problem, InvalidInput::Round(1 << 32));
}

/// A vote of a type (field 1), for nil, with an extension.
fn vote_with_extension(kind: u8, extension: &[u8]) -> Vec<u8> {
    let mut vote = vec![0x08, kind, 0x10, 5, 0x4a, extension.len() as u8];
    vote.extend_from_slice(extension);
    let mut message = vec![0x0a, vote.len() as u8];
    message.extend_from_slice(&vote);
    message.extend_from_slice(&[0x12, 1, b'c']);
    let mut frame = vec![0x1a, message.len() as u8];
    frame.extend_from_slice(&message);
    frame
}

#[test]
fn extensions_where_none_may_be_and_unknown_types_are_invalid() {
    use tmkms::request::InvalidInput;
    let problem = |kind, extension: &[u8]| match codec::decode(&vote_with_extension(
        kind, extension,
    ))
    .unwrap()
    {
        Request::Invalid(invalid) => Some(invalid.problem),
        Request::Sign(_) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(1, b"x"), Some(InvalidInput::Extension("prevote")));
    assert_eq!(
        problem(2, b"x"),
        Some(InvalidInput::Extension("nil precommit"))
    );
    assert_eq!(problem(1, b""), None);
    assert_eq!(problem(2, b""), None);
    for kind in [0, 3, 32] {
        assert_eq!(
            problem(kind, b""),
            Some(InvalidInput::VoteType(i64::from(kind)))
        );
    }
}

#[test]
fn what_has_no_reply_ends_the_link_and_says_so() {
    use codec::Malformed;
    let mut pong = Vec::new();
    codec::encode(&Reply::Pong, &mut pong);
    assert_eq!(
        codec::decode(&frame(&pong)),
        Err(Malformed::NoRequest("PingResponse"))
    );
    assert!(matches!(codec::decode(&[]), Err(Malformed::NoRequest(_))));
    assert!(matches!(
        codec::decode(&[0xff; 9]),
        Err(Malformed::Undecodable(_))
    ));
    assert!(codec::decode(b"GET / HTTP/1.1").is_err());
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = codec::decode(&bytes);
            let _ = node::decode(&bytes);
        }

        #[test]
        fn nor_do_spoilt_requests(at in 0_usize..400, byte in any::<u8>(), pick in 0_usize..60) {
            let (_, vector) = vectors().nth(pick).unwrap();
            let mut frame = frame(&hex(&vector, "message"));
            if let Some(target) = frame.get_mut(at) {
                *target = byte;
            }
            if let Ok(Request::Sign(request)) = codec::decode(&frame) {
                let position = request.sign_bytes().position().unwrap();
                prop_assert_eq!(position.hrs, request.hrs());
                prop_assert_eq!(position.chain_id, request.chain_id);
            }
        }
    }
}
