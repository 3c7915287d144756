//! Another member of a shared key that sends anything at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::backends::cosign::peers::PeerMessage;
use tmkms::codec::frame::Decoder;

fuzz_target!(|data: &[u8]| {
    let Ok(message) = PeerMessage::read(data) else {
        return;
    };
    if let PeerMessage::Ask { asked, .. } = &message {
        // Looked at beside the question; bytes that are none are told so.
        asked.commitments.values().for_each(|shown| drop(shown.look()));
    }
    // What is a message is the same one when it is written and read again.
    let framed = message.clone().encode().unwrap();
    let mut decoder = Decoder::default();
    decoder.push(&framed);
    let again = decoder.next_frame().unwrap().unwrap();
    let again = PeerMessage::read(again).unwrap();
    assert!(again == message || is_cut(&message), "{message:?} became {again:?}");
});

/// A sentence that was cut is longer by the word about the rest, and is cut once more.
fn is_cut(message: &PeerMessage) -> bool {
    format!("{message:?}").contains(" bytes in all)")
}
