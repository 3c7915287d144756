//! Any packets a Ledger may send: no panic, only whole answers of a bounded length, and an error is never followed by
//! an answer that spans it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::backends::ledger::apdu::{ApduResponse, sign};
use tmkms::backends::ledger::error::DeviceFault;
use tmkms::backends::ledger::frame::{Assembler, LONGEST, PACKET, packets};

fuzz_target!(|data: &[u8]| {
    let mut assembler = Assembler::default();
    for packet in data.chunks(PACKET) {
        match assembler.push(packet) {
            Ok(Some(answer)) => {
                assert!((2..=LONGEST).contains(&answer.len()));
                assert!(!assembler.is_within());
                let parts = ApduResponse::of(&answer);
                assert!(parts.is_some());
                if let Some(parts) = parts {
                    assert!(!DeviceFault::of(parts.status, &parts.data).to_string().is_empty());
                }
            }
            Ok(None) => assert!(assembler.is_within()),
            // The handle is closed then.
            Err(_) => break,
        }
    }
    // Round trip.
    if (2..=LONGEST).contains(&data.len()) {
        let mut assembler = Assembler::default();
        let mut answers = Vec::new();
        for packet in packets(data).unwrap_or_default() {
            answers.extend(assembler.push(&packet).ok().flatten());
        }
        assert_eq!(answers, [data]);
    }
    if let Some(commands) = sign(data) {
        let joined: Vec<u8> = commands.iter().flat_map(|command| command.iter().skip(5).copied()).collect();
        assert_eq!(joined, data);
    }
});
