//! Length frames: each privval message is preceded by its length as an unsigned varint.
//!
//! Format: `protoio.NewDelimitedReader` of CometBFT (`libs/protoio/reader.go`). Nothing is allocated for a length
//! that is only announced; the buffer grows with the bytes that came, up to [`MAX_FRAME`].

/// The longest frame accepted: a vote extension of 1 MiB, and 16 KiB for all around it.
pub const MAX_FRAME: usize = 1024 * 1024 + 16 * 1024;

/// What the buffer shrinks to after a long frame.
const KEEP: usize = 16 * 1024;

/// Why the bytes are not a frame. The stream cannot be read on after this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The announced length is above [`MAX_FRAME`].
    #[error("a frame of {0} bytes was announced, and {MAX_FRAME} is the most that is accepted")]
    TooLong(u64),
    /// The length is not a varint of at most 64 bits.
    #[error("the length of a frame is not a number")]
    NotALength,
}

/// Cuts a stream of bytes, fed in any pieces, into frames.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// How many bytes at the front belong to the frame given out last.
    spent: usize,
}

impl Decoder {
    /// Takes more bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.drop_spent();
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete frame without its length, or `None` until more bytes come.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        self.drop_spent();
        let Some((length, prefix)) = read_length(&self.buffer)? else {
            return Ok(None);
        };
        let end = prefix.saturating_add(length);
        match self.buffer.get(prefix..end) {
            Some(frame) => {
                self.spent = end;
                Ok(Some(frame))
            }
            None => Ok(None),
        }
    }

    /// Whether [`Decoder::next_frame`] has a frame to give.
    pub fn is_complete(&self) -> Result<bool, FrameError> {
        let rest = self.partial();
        Ok(read_length(rest)?.is_some_and(|(length, prefix)| rest.len() >= prefix + length))
    }

    /// Whether a frame has begun and is not complete.
    pub fn is_partial(&self) -> bool {
        self.buffer.len() > self.spent
    }

    /// The bytes of the frame that has begun, for a look at what they may be.
    pub fn partial(&self) -> &[u8] {
        self.buffer.get(self.spent..).unwrap_or_default()
    }

    fn drop_spent(&mut self) {
        if self.spent > 0 {
            self.buffer.drain(..self.spent.min(self.buffer.len()));
            self.spent = 0;
            if self.buffer.capacity() > KEEP && self.buffer.len() <= KEEP {
                self.buffer.shrink_to(KEEP);
            }
        }
    }
}

/// Length and size of the length itself; `None` while it is incomplete.
fn read_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, FrameError> {
    let mut value: u64 = 0;
    for (index, byte) in bytes.iter().enumerate() {
        // Go's `binary.ReadUvarint`: at most ten bytes, the tenth at most 1.
        if index > 9 || (index == 9 && *byte > 1) {
            return Err(FrameError::NotALength);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return match usize::try_from(value) {
                Ok(length) if length <= MAX_FRAME => Ok(Some((length, index + 1))),
                _ => Err(FrameError::TooLong(value)),
            };
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        prost::encode_length_delimiter(payload.len(), &mut bytes).unwrap();
        bytes.extend_from_slice(payload);
        bytes
    }

    fn drain(decoder: &mut Decoder, frames: &mut Vec<Vec<u8>>) {
        while let Some(frame) = decoder.next_frame().unwrap() {
            frames.push(frame.to_vec());
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
            cuts in prop::collection::vec(1_usize..50, 1..80),
        ) {
            let stream: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
            let (mut decoder, mut frames, mut rest) = (Decoder::default(), Vec::new(), &stream[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, later) = rest.split_at(*cut.min(&rest.len()));
                decoder.push(piece);
                drain(&mut decoder, &mut frames);
                rest = later;
            }
            prop_assert_eq!(frames, payloads);
            prop_assert!(!decoder.is_partial());
        }

        #[test]
        fn any_bytes_do_no_harm(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut decoder = Decoder::default();
            for piece in pieces {
                decoder.push(&piece);
                while let Ok(Some(frame)) = decoder.next_frame() {
                    prop_assert!(frame.len() <= MAX_FRAME);
                }
            }
        }
    }

    #[test]
    fn the_ceiling_holds_and_allocates_nothing() {
        let mut decoder = Decoder::default();
        let mut bytes = Vec::new();
        prost::encode_length_delimiter(MAX_FRAME + 1, &mut bytes).unwrap();
        decoder.push(&bytes);
        assert!(matches!(decoder.next_frame(), Err(FrameError::TooLong(_))));
        let mut decoder = Decoder::default();
        decoder.push(&frame(&vec![1; MAX_FRAME])[..10]);
        assert_eq!(decoder.next_frame(), Ok(None));
        assert!(decoder.buffer.capacity() < 1024);
        let mut decoder = Decoder::default();
        decoder.push(&[0xff; 10]);
        assert_eq!(decoder.next_frame(), Err(FrameError::NotALength));
    }

    #[test]
    fn a_long_frame_is_given_back() {
        let mut decoder = Decoder::default();
        decoder.push(&frame(&vec![1; MAX_FRAME]));
        assert!(decoder.next_frame().unwrap().is_some());
        decoder.push(&frame(b"ping"));
        assert_eq!(decoder.next_frame().unwrap(), Some(&b"ping"[..]));
        assert!(decoder.buffer.capacity() <= 2 * KEEP);
    }
}
