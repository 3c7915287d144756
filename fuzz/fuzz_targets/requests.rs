//! Any frame: what is read as a request is signed over exactly what it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::codec::{self, node};
use tmkms::request::Request;

fuzz_target!(|data: &[u8]| {
    let _ = node::decode(data);
    if let Ok(Request::Sign(request)) = codec::decode(data) {
        let position = request.sign_bytes().position().expect("a request has a position");
        assert_eq!(position.hrs, request.hrs());
        assert_eq!(position.chain_id, request.chain_id);
        let mut bytes = Vec::new();
        node::encode(&node::Ask::Sign(request.clone()), &mut bytes);
        let mut decoder = codec::frame::Decoder::default();
        decoder.push(&bytes);
        let again = decoder.next_frame().expect("our frame").expect("a whole frame").to_vec();
        assert_eq!(codec::decode(&again), Ok(Request::Sign(request)));
    }
});
