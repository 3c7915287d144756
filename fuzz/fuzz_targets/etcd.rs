//! What a member of etcd, or whatever else has its address, may answer: a status (its first two bytes) and a body. The
//! rest of what is read from it: certificates, and the date of a reply.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::consensus::PublicKey;
use tmkms::gate::store::etcd::read_answer;
use tmkms::https::{Answer, certificate};

fuzz_target!(|bytes: &[u8]| {
    let _ = certificate::not_after(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = certificate::http_date(text);
    }
    let Some((status, body)) = bytes.split_first_chunk() else {
        return;
    };
    let status = u16::from_be_bytes(*status);
    let answer = Answer {
        status,
        body: body.to_vec(),
        date: None,
    };
    let chain = "fuzz-1".parse().expect("a chain id");
    let read = read_answer(&answer, &chain, &PublicKey::Ed25519([7; 32]));
    // Nothing but a head that names cluster and revision, under 200, is believed to come from etcd.
    if read.certain {
        assert_eq!(status, 200);
        for word in ["header", "cluster_id", "revision"] {
            assert!(body.windows(word.len()).any(|part| part == word.as_bytes()));
        }
    }
    assert!(read.certain || read.value.is_none());
});
