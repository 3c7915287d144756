//! Any state file, ours or another program's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::consensus::PublicKey;
use tmkms::gate::store::file::format::{COPY, decode, encode};
use tmkms::gate::store::file::newest;
use tmkms::migrate::foreign;

fuzz_target!(|data: &[u8]| {
    let _ = newest(data);
    let chain = "test-1".parse().expect("a chain id");
    let _ = foreign::read(data, None, &chain, &PublicKey::Ed25519([0; 32]));
    if let Ok(entry) = decode(data) {
        let mut slot = Vec::new();
        encode(&entry, &mut slot).expect("what was read can be written");
        assert_eq!(decode(&slot[..COPY]), Ok(entry));
    }
});
