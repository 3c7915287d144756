//! Frames after the handshake: two bytes of length, the most significant first, and that many of a sealed message.

use super::symmetric::{CipherError, NoiseCipher, TAG};

/// The length in front of every message, in bytes.
pub(super) const PREFIX: usize = 2;

/// The most that one frame holds, in bytes (Noise, 3: a message has 65,535 bytes at most).
pub const MOST_PLAIN: usize = 65_535 - TAG;

/// What is kept of the buffer after a long frame, in bytes.
const KEEP: usize = 16 * 1024;

/// Why a noise link cannot go on. The link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoiseFrameError {
    /// It was changed on the way, or was not sealed with this key and counter.
    #[error("an encrypted frame that does not authenticate")]
    Forged,
    /// It is too short to be sealed.
    #[error("an encrypted frame of {0} bytes, and the shortest has 16")]
    Short(usize),
    /// A node of v0.40.0 reads the end of what spans frames as the beginning of the next message.
    #[error("a reply of {0} bytes is longer than a noise link's frame, which holds 65519")]
    TooLong(usize),
    /// 2^64 - 1 frames went over this link.
    #[error("this link has no counters left")]
    Exhausted,
}

impl From<CipherError> for NoiseFrameError {
    fn from(error: CipherError) -> Self {
        match error {
            CipherError::Forged => Self::Forged,
            CipherError::Exhausted => Self::Exhausted,
        }
    }
}

/// Puts the length in front of a message that stands behind [`PREFIX`] bytes at the end of `out`.
pub(super) fn put_length(out: &mut [u8], start: usize) -> Result<(), NoiseFrameError> {
    let whole = out.get_mut(start..).unwrap_or_default();
    let length = whole.len().saturating_sub(PREFIX);
    let length = u16::try_from(length).map_err(|_| NoiseFrameError::TooLong(length))?;
    whole
        .iter_mut()
        .zip(length.to_be_bytes())
        .for_each(|(to, from)| *to = from);
    Ok(())
}

/// Seals what we send.
pub struct NoiseSealer {
    cipher: NoiseCipher,
    /// Whether what does not fit into one frame goes into several.
    may_span: bool,
}

impl NoiseSealer {
    /// The signer's: everything fits into one frame. `signer_endpoint.go` of v0.40.0 makes a new reader for each message,
    /// and go-libp2p's session still holds an empty rest of the last frame when a message spans several: the reader takes
    /// that for a byte, a length of 0, and answers and questions no longer belong together.
    pub(super) fn of_signer(cipher: NoiseCipher) -> Self {
        Self {
            cipher,
            may_span: false,
        }
    }

    /// The node's, whose requests may be longer.
    pub(super) fn of_node(cipher: NoiseCipher) -> Self {
        Self {
            cipher,
            may_span: true,
        }
    }

    /// Appends `data` in as few frames as it takes; none for no data, because an empty frame is read as a byte, too.
    ///
    /// # Errors
    /// [`NoiseFrameError::TooLong`] on the signer's side, and no counters.
    pub fn seal(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), NoiseFrameError> {
        if data.len() > MOST_PLAIN && !self.may_span {
            return Err(NoiseFrameError::TooLong(data.len()));
        }
        data.chunks(MOST_PLAIN)
            .try_for_each(|chunk| self.seal_frame(chunk, out))
    }

    /// Appends one frame that holds nothing; a legal one that we never send, for tests.
    ///
    /// # Errors
    /// No counters.
    pub fn seal_empty(&mut self, out: &mut Vec<u8>) -> Result<(), NoiseFrameError> {
        self.seal_frame(&[], out)
    }

    fn seal_frame(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), NoiseFrameError> {
        let start = out.len();
        out.extend_from_slice(&[0; PREFIX]);
        out.extend_from_slice(chunk);
        self.cipher.seal(&[], out, start + PREFIX)?;
        put_length(out, start)
    }
}

/// Opens what we receive, fed in any pieces.
pub struct NoiseOpener {
    cipher: NoiseCipher,
    /// The bytes of a frame that has begun, with its length.
    pending: Vec<u8>,
}

impl NoiseOpener {
    pub(super) fn new(cipher: NoiseCipher) -> Self {
        Self {
            cipher,
            pending: Vec::new(),
        }
    }

    /// Whether a frame has begun and is not complete.
    pub fn is_partial(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes bytes from the wire and gives `opened` what was in each frame that is complete.
    ///
    /// # Errors
    /// A frame that is not the next one of this link.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut opened: impl FnMut(&[u8]),
    ) -> Result<(), NoiseFrameError> {
        while !bytes.is_empty() {
            let wanted = match self.pending.first_chunk::<PREFIX>() {
                Some(length) => PREFIX + usize::from(u16::from_be_bytes(*length)),
                None => PREFIX,
            };
            let missing = wanted.saturating_sub(self.pending.len());
            let (now, later) = bytes.split_at(bytes.len().min(missing));
            self.pending.extend_from_slice(now);
            bytes = later;
            self.open_complete(&mut opened)?;
        }
        Ok(())
    }

    fn open_complete(&mut self, opened: &mut impl FnMut(&[u8])) -> Result<(), NoiseFrameError> {
        let Some((length, sealed)) = self.pending.split_first_chunk_mut::<PREFIX>() else {
            return Ok(());
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if length < TAG {
            return Err(NoiseFrameError::Short(length));
        }
        if sealed.len() == length {
            opened(self.cipher.open(&[], sealed)?);
            self.pending.clear();
            self.pending.shrink_to(KEEP);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cipher() -> NoiseCipher {
        NoiseCipher::new(&[9; 32])
    }

    fn pair() -> (NoiseSealer, NoiseOpener) {
        (NoiseSealer::of_node(cipher()), NoiseOpener::new(cipher()))
    }

    fn open_all(opener: &mut NoiseOpener, wire: &[u8]) -> Result<Vec<u8>, NoiseFrameError> {
        let mut data = Vec::new();
        opener.feed(wire, |bytes| data.extend_from_slice(bytes))?;
        Ok(data)
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_any_pieces(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
            cut in 1_usize..100,
        ) {
            let ((mut sealer, mut opener), mut wire) = (pair(), Vec::new());
            for message in &messages {
                sealer.seal(message, &mut wire).unwrap();
            }
            let mut data = Vec::new();
            for piece in wire.chunks(cut) {
                data.extend(open_all(&mut opener, piece).unwrap());
            }
            prop_assert_eq!(data, messages.concat());
            prop_assert!(!opener.is_partial());
        }

        #[test]
        fn one_changed_bit_is_seen(at in 2_usize..22, bit in 0_u8..8) {
            let ((mut sealer, mut opener), mut wire) = (pair(), Vec::new());
            sealer.seal(b"vote", &mut wire).unwrap();
            wire[at] ^= 1 << bit;
            prop_assert_eq!(open_all(&mut opener, &wire), Err(NoiseFrameError::Forged));
        }
    }

    #[test]
    fn long_data_spans_frames_and_opens() {
        let ((mut sealer, mut opener), mut wire) = (pair(), Vec::new());
        let data: Vec<u8> = (0..200_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        sealer.seal(&data, &mut wire).unwrap();
        assert_eq!(wire.len(), data.len() + 4 * (PREFIX + TAG));
        assert_eq!(wire[..2], [0xff, 0xff]);
        assert_eq!(open_all(&mut opener, &wire).unwrap(), data);
        assert!(opener.pending.capacity() <= KEEP);
    }

    #[test]
    fn a_signer_sends_nothing_that_spans_frames() {
        let (mut sealer, mut wire) = (NoiseSealer::of_signer(cipher()), Vec::new());
        let most = vec![0; MOST_PLAIN + 1];
        let long = sealer.seal(&most, &mut wire);
        assert_eq!(long, Err(NoiseFrameError::TooLong(65_520)));
        assert!(wire.is_empty());
        sealer.seal(&most[1..], &mut wire).unwrap();
        assert_eq!(wire.len(), PREFIX + 65_535);
    }

    #[test]
    fn frames_without_a_tag_are_refused_at_their_length() {
        for length in [0_u8, 1, 15] {
            let (_, mut opener) = pair();
            let short = open_all(&mut opener, &[0, length]);
            assert_eq!(short, Err(NoiseFrameError::Short(usize::from(length))));
        }
        // The longest is waited for, whatever it will hold.
        let (_, mut opener) = pair();
        assert_eq!(open_all(&mut opener, &[0xff, 0xff, 0]), Ok(Vec::new()));
        assert!(opener.is_partial());
        let rest = open_all(&mut opener, &vec![0; 65_534]);
        assert_eq!(rest, Err(NoiseFrameError::Forged));
    }

    #[test]
    fn a_repeated_frame_and_one_out_of_turn_are_seen() {
        let ((mut sealer, mut opener), mut wire) = (pair(), Vec::new());
        sealer.seal(b"vote", &mut wire).unwrap();
        assert!(open_all(&mut opener, &wire).is_ok());
        assert_eq!(open_all(&mut opener, &wire), Err(NoiseFrameError::Forged));
        let (_, mut opener) = pair();
        let mut second = Vec::new();
        sealer.seal(b"vote", &mut second).unwrap();
        assert_eq!(open_all(&mut opener, &second), Err(NoiseFrameError::Forged));
    }

    #[test]
    fn an_empty_frame_is_legal_and_holds_nothing() {
        let ((mut sealer, mut opener), mut wire) = (pair(), Vec::new());
        sealer.seal(&[], &mut wire).unwrap();
        assert!(wire.is_empty());
        sealer.seal_empty(&mut wire).unwrap();
        assert_eq!(wire.len(), PREFIX + TAG);
        assert_eq!(open_all(&mut opener, &wire), Ok(Vec::new()));
    }
}
