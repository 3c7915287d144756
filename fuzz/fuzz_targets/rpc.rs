//! What a node's RPC, or whatever else has its address, may answer. No bytes make a signature of ours: that is proven by a key
//! that nobody has, so a vote that is found here would be a forged one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::consensus::{Height, PublicKey};
use tmkms::rpc::VoteInCommit;
use tmkms::rpc::address::RpcAddress;
use tmkms::rpc::answers::{read_commit, read_slashing, read_status, read_validators};

fuzz_target!(|bytes: &[u8]| {
    let chain = "interop-1".parse().expect("a chain id");
    let key = PublicKey::Ed25519([7; 32]);
    if let Ok(status) = read_status(bytes, &chain) {
        assert!(status.latest >= 0 && status.earliest >= 0);
    }
    for height in [3, 9, 1 << 62] {
        let height = Height::new(height).expect("a height");
        if let Ok(commit) = read_commit(bytes, &chain, height, &key) {
            assert!(!matches!(commit.vote, VoteInCommit::Signed(_)));
        }
    }
    let _ = read_validators(bytes, &key);
    if let Ok(Some(record)) = read_slashing(bytes, &key) {
        assert!(record.jailed_until.is_none_or(|until| until.as_secs() <= 253_402_300_799));
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(address) = RpcAddress::parse(text)
    {
        // What is shown is what is asked, without what may be secret.
        assert!(address.base().starts_with(&address.to_string()));
        assert!(!address.to_string().contains('@'));
    }
});
