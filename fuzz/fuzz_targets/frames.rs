//! Any bytes, in any pieces: the frames are those of the whole stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::codec::frame::{Decoder, MAX_FRAME};

fuzz_target!(|data: &[u8]| {
    let (cut, stream) = match data.split_first() {
        Some((cut, stream)) => (usize::from(*cut).max(1), stream),
        None => return,
    };
    let all = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.push(piece);
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => {
                        assert!(frame.len() <= MAX_FRAME);
                        frames.push(frame.to_vec());
                    }
                    Ok(None) => break,
                    Err(_) => return frames,
                }
            }
        }
        frames
    };
    assert_eq!(all(&mut stream.chunks(cut)), all(&mut std::iter::once(stream)));
});
