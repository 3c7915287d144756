//! Any state file, ours or another program's, and any bundle of a chain that moves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::consensus::PublicKey;
use tmkms::gate::store::file::format::{COPY, decode, encode};
use tmkms::gate::store::file::newest;
use tmkms::migrate::foreign;
use tmkms::shares::{KeyShare, Shard};
use tmkms::migrate::moving::bundle::Bundle;

fuzz_target!(|data: &[u8]| {
    let _ = newest(data);
    let chain = "test-1".parse().expect("a chain id");
    let _ = Shard::from_json(data);
    let _ = KeyShare::from_json(data);
    let _ = foreign::read(data, None, &chain, &PublicKey::Ed25519([0; 32]));
    if let Ok(bundle) = Bundle::parse(data) {
        let text = bundle.to_text().expect("what was read can be written");
        assert_eq!(Bundle::parse(text.as_bytes()), Ok(bundle));
    }
    if let Ok(entry) = decode(data) {
        let mut slot = Vec::new();
        encode(&entry, &mut slot).expect("what was read can be written");
        assert_eq!(decode(&slot[..COPY]), Ok(entry));
    }
});
