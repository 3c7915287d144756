//! Frames and commands of the Ledger backend: round trips, recorded exchanges, and what fits.
#![cfg(feature = "ledger")]

use std::fs;
use std::time::Duration;

use crate::support::ledger_simulator::Device;
use proptest::prelude::*;
use serde_json::Value;
use tmkms::backends::ledger::apdu;
use tmkms::backends::ledger::frame::{Assembler, LONGEST, PacketError, packets};
use tmkms::backends::ledger::limits::{Fit, LONGEST_BODY, MessageKind, is_hopeless, warning};
use tmkms::consensus::ChainId;

fn bytes(text: &str) -> Vec<u8> {
    subtle_encoding::hex::decode(text).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    String::from_utf8(subtle_encoding::hex::encode(bytes)).unwrap()
}

#[test]
fn packets_of_known_commands() {
    let version = packets(&apdu::VERSION).unwrap();
    assert_eq!(
        hex(&version[0]),
        format!("0101050000000556{}", "0".repeat(112))
    );
    let counts = [(0, 1), (57, 1), (58, 2), (116, 2), (117, 3), (260, 5)];
    for (length, count) in counts {
        assert_eq!(packets(&vec![7; length]).unwrap().len(), count, "{length}");
    }
    let mut answer = Assembler::default();
    let mut packet = bytes("01010500000006000009019000");
    packet.resize(64, 0);
    assert_eq!(
        answer.push(&packet).unwrap().unwrap(),
        bytes("000009019000")
    );
    assert_eq!(packets(&vec![0; 65_536]), Err(PacketError::Command(65_536)));
}

#[test]
fn what_is_no_answer_is_named() {
    let good = packets(&[1; 100]).unwrap();
    let changed = |at: usize, to: u8| {
        let mut packet = good[0];
        packet[at] = to;
        Assembler::default().push(&packet)
    };
    assert_eq!(changed(0, 2), Err(PacketError::Channel(0x0201)));
    assert_eq!(changed(2, 2), Err(PacketError::Tag(2)));
    assert_eq!(changed(4, 1), Err(PacketError::Sequence { due: 0, got: 1 }));
    assert_eq!(changed(5, 255), Err(PacketError::Length(65_380)));
    assert_eq!(changed(6, 1), Err(PacketError::Length(1)));
    assert_eq!(
        Assembler::default().push(&good[0][..63]),
        Err(PacketError::Size(63))
    );
    assert_eq!(Assembler::default().push(&[]), Err(PacketError::Size(0)));
    // A leading report number, which hidraw does not give.
    let shifted = [&[0], &good[0][..63]].concat();
    assert!(Assembler::default().push(&shifted).is_err());
    // The rest of an older answer.
    let mut answer = Assembler::default();
    assert_eq!(answer.push(&good[0]), Ok(None));
    assert!(answer.is_within());
    assert_eq!(
        answer.push(&good[0]),
        Err(PacketError::Sequence { due: 1, got: 0 })
    );
}

proptest! {
    #[test]
    fn every_answer_comes_through(first in prop::collection::vec(any::<u8>(), 2..=LONGEST),
                                  second in prop::collection::vec(any::<u8>(), 2..=300)) {
        let mut assembler = Assembler::default();
        let mut answers = Vec::new();
        for packet in packets(&first).unwrap().iter().chain(&packets(&second).unwrap()) {
            answers.extend(assembler.push(packet).unwrap());
        }
        prop_assert_eq!(answers, vec![first, second]);
        prop_assert!(!assembler.is_within());
    }

    #[test]
    fn no_packet_ends_the_process(stream in prop::collection::vec(any::<u8>(), 0..1_000), valid in any::<bool>()) {
        let mut assembler = Assembler::default();
        for packet in stream.chunks(64) {
            let mut packet = packet.to_vec();
            if valid && packet.len() > 3 {
                packet[..3].copy_from_slice(&[1, 1, 5]);
            }
            if let Ok(Some(answer)) = assembler.push(&packet) {
                prop_assert!((2..=LONGEST).contains(&answer.len()));
            }
        }
    }

    #[test]
    fn commands_hold_the_message(message in prop::collection::vec(any::<u8>(), 0..1_100)) {
        let commands = apdu::sign(&message).unwrap();
        let mut joined: Vec<u8> = Vec::new();
        for (number, command) in commands.iter().enumerate() {
            prop_assert_eq!(usize::from(command[2]), number + 1);
            prop_assert_eq!(usize::from(command[3]), commands.len());
            prop_assert_eq!(usize::from(command[4]), command.len() - 5);
            joined.extend(&command[5..]);
        }
        prop_assert_eq!(joined, message);
    }
}

fn exchanges() -> Vec<Value> {
    let text = fs::read_to_string("tests/ledger/exchanges.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_simulator_answers_as_the_real_app_did() {
    let mut steps = 0;
    for session in exchanges() {
        let seed = bytes(session["key_seed"].as_str().unwrap());
        let device = Device::new(&seed.try_into().unwrap());
        for step in session["steps"].as_array().unwrap() {
            let note = step["note"].as_str().unwrap();
            let answer = || device.answer(0, Duration::ZERO).unwrap();
            device.command(&bytes(step["apdu"].as_str().unwrap()));
            if let Some(button) = step.get("button").and_then(Value::as_str) {
                assert_eq!(answer(), None, "{note}");
                let screen: Vec<&str> = step["screen"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|line| line.as_str().unwrap())
                    .collect();
                assert_eq!(device.screen(), screen, "{note}");
                device.press(button == "right");
            }
            let wanted = format!(
                "{}{}",
                step["data"].as_str().unwrap(),
                step["sw"].as_str().unwrap()
            );
            assert_eq!(hex(&answer().unwrap()), wanted, "{note}");
            assert!(device.screen().is_empty());
            steps += 1;
        }
    }
    assert_eq!(steps, 79);
}

#[test]
fn our_commands_and_lengths_are_those_that_were_recorded() {
    use apdu::{ApduResponse, PUBLIC_KEY, StatusMeaning, VERSION, WHICH_APP};
    let mut signing = 0;
    for session in exchanges() {
        for step in session["steps"].as_array().unwrap() {
            let note = step["note"].as_str().unwrap();
            let command = bytes(step["apdu"].as_str().unwrap());
            let answer = bytes(step["data"].as_str().unwrap());
            let word = bytes(step["sw"].as_str().unwrap());
            let answer = ApduResponse::of(&[answer, word].concat()).unwrap();
            let known = answer.status.meaning() != StatusMeaning::Unknown;
            assert!(known || answer.status.0 == 0x6700, "{}", answer.status);
            match note {
                "app name/version" => assert_eq!(command, WHICH_APP),
                "version" => assert_eq!(command, VERSION),
                "public key" => assert_eq!(command, PUBLIC_KEY),
                _ => {}
            }
            if !command.starts_with(&[0x56, 2, 1, 1]) {
                continue;
            }
            signing += 1;
            let message = &command[5..];
            assert_eq!(
                apdu::sign(message).unwrap(),
                std::slice::from_ref(&command),
                "{note}"
            );
            // Canonical messages are refused for their length exactly where we say so.
            if let Ok((bytes, _)) = tmkms::consensus::SignBytes::from_record(message.to_vec()) {
                let too_long = answer.data == [7] && answer.status.0 == 0x6984;
                let body = tmkms::backends::ledger::limits::body(&bytes);
                assert_eq!(body > LONGEST_BODY, too_long, "{note}");
                if note.contains("body ") {
                    assert!(note.contains(&format!("body {body} ")), "{note}: {body}");
                }
            }
        }
    }
    assert!(signing > 40, "{signing}");
}

/// The lengths that were measured on the real app, with the longest chain id that fits.
#[test]
fn what_fits_is_what_was_measured() {
    let table = [
        (MessageKind::NilVote { later: false }, 27, 50),
        (MessageKind::NilVote { later: true }, 36, 50),
        (MessageKind::Vote { later: false }, 101, 26),
        (MessageKind::Vote { later: true }, 110, 17),
        (MessageKind::Again { first: true }, 110, 17),
        (MessageKind::Again { first: false }, 112, 15),
        (MessageKind::Proposal, 112, 15),
        (MessageKind::LaterProposal, 121, 6),
    ];
    for (kind, bytes, longest) in table {
        for length in 1..=50 {
            let chain: ChainId = "c".repeat(length).parse().unwrap();
            assert_eq!(kind.worst(&chain), bytes + length, "{kind}");
            assert_eq!(kind.body(&chain, 1, 1 << 28), bytes + length);
            if !matches!(kind, MessageKind::NilVote { .. }) {
                assert_eq!(kind.body(&chain, 128, 1 << 28), bytes + length + 1);
            }
            assert_eq!(kind.body(&chain, 1, (1 << 28) - 1), bytes + length - 1);
            let fits = kind.fit(&chain) <= Fit::SmallBlocks;
            assert_eq!(fits, length <= longest, "{kind} with {length}");
        }
    }
    let chain = |length: usize| "c".repeat(length).parse::<ChainId>().unwrap();
    assert!(!is_hopeless(&chain(26)) && is_hopeless(&chain(27)));
    assert_eq!(warning(&chain(5)), None);
    let hub = warning(&"cosmoshub-4".parse().unwrap()).unwrap();
    assert!(
        hub.ends_with("it refuses proposals of a new block at round 1 to 127 (132 bytes)"),
        "{hub}"
    );
    let testnet = warning(&"theta-testnet-001".parse().unwrap()).unwrap();
    assert!(
        testnet.contains("proposals of round 0 (129 bytes)"),
        "{testnet}"
    );
    assert!(
        testnet.contains(
            "votes of round 1 to 127 with a block of 128 parts (8 MB) or more (128 bytes)"
        ),
        "{testnet}"
    );
}
