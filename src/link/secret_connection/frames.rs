//! Sealed frames: 4 bytes of little-endian length and 1024 of data, under ChaCha20-Poly1305 with a counter.

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};

/// Most data in one frame, in bytes.
pub const DATA: usize = 1024;
const LENGTH: usize = 4;
const PLAIN: usize = LENGTH + DATA;
const TAG: usize = 16;
/// One frame on the wire, in bytes.
pub const SEALED: usize = PLAIN + TAG;

/// Why a frame cannot be sealed or opened. The link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was changed on the way, or was not sealed with this key and counter.
    #[error("an encrypted frame that does not authenticate")]
    Forged,
    /// It says that it holds more than a frame can.
    #[error("an encrypted frame that claims {0} bytes of data")]
    Length(u32),
    /// 2^64 frames went over this link.
    #[error("this link has no counters left")]
    Exhausted,
}

/// A counter that is never used twice: bytes 4 to 12 of the nonce, little-endian.
struct Counter(Option<u64>);

impl Counter {
    fn next(&mut self) -> Result<Nonce, SealError> {
        let count = self.0.ok_or(SealError::Exhausted)?;
        self.0 = count.checked_add(1);
        let mut nonce = Nonce::default();
        nonce
            .iter_mut()
            .skip(4)
            .zip(count.to_le_bytes())
            .for_each(|(to, from)| *to = from);
        Ok(nonce)
    }
}

/// Seals what we send.
pub struct Sealer {
    cipher: ChaCha20Poly1305,
    counter: Counter,
}

impl Sealer {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: ChaCha20Poly1305::new(Key::from_slice(key)),
            counter: Counter(Some(0)),
        }
    }

    /// Appends `data` in as many sealed frames as it takes; none for no data.
    pub fn seal(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        data.chunks(DATA)
            .try_for_each(|chunk| self.seal_chunk(chunk, out))
    }

    /// Appends one sealed frame that holds nothing; a legal frame that we never send, for tests.
    pub fn seal_empty(&mut self, out: &mut Vec<u8>) -> Result<(), SealError> {
        self.seal_chunk(&[], out)
    }

    fn seal_chunk(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let nonce = self.counter.next()?;
        let start = out.len();
        let length = u32::try_from(chunk.len()).unwrap_or(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(chunk);
        out.resize(start + PLAIN, 0);
        let plain = out.get_mut(start..).unwrap_or_default();
        let tag = self
            .cipher
            .encrypt_in_place_detached(&nonce, &[], plain)
            .map_err(|_| SealError::Exhausted)?;
        out.extend_from_slice(&tag);
        Ok(())
    }
}

/// Opens what we receive.
pub struct Opener {
    cipher: ChaCha20Poly1305,
    counter: Counter,
}

impl Opener {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: ChaCha20Poly1305::new(Key::from_slice(key)),
            counter: Counter(Some(0)),
        }
    }

    /// Opens one frame in place and gives its data.
    pub fn open<'a>(&mut self, frame: &'a mut [u8; SEALED]) -> Result<&'a [u8], SealError> {
        let nonce = self.counter.next()?;
        let (plain, tag) = frame.split_at_mut(PLAIN);
        self.cipher
            .decrypt_in_place_detached(&nonce, &[], plain, Tag::from_slice(tag))
            .map_err(|_| SealError::Forged)?;
        let (length, data) = plain.split_at(LENGTH);
        let length = u32::from_le_bytes(length.try_into().unwrap_or_default());
        let end = usize::try_from(length).map_err(|_| SealError::Length(length))?;
        data.get(..end).ok_or(SealError::Length(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair() -> (Sealer, Opener) {
        (Sealer::new(&[9; 32]), Opener::new(&[9; 32]))
    }

    fn open_all(opener: &mut Opener, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut data = Vec::new();
        for frame in sealed.chunks(SEALED) {
            data.extend_from_slice(opener.open(&mut frame.try_into().unwrap())?);
        }
        Ok(data)
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(data in prop::collection::vec(any::<u8>(), 0..5000)) {
            let ((mut sealer, mut opener), mut sealed) = (pair(), Vec::new());
            sealer.seal(&data, &mut sealed).unwrap();
            prop_assert_eq!(sealed.len(), data.len().div_ceil(DATA) * SEALED);
            prop_assert_eq!(open_all(&mut opener, &sealed).unwrap(), data);
        }

        #[test]
        fn one_changed_bit_is_seen(at in 0..SEALED, bit in 0_u8..8) {
            let ((mut sealer, mut opener), mut sealed) = (pair(), Vec::new());
            sealer.seal(b"vote", &mut sealed).unwrap();
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(open_all(&mut opener, &sealed), Err(SealError::Forged));
        }
    }

    #[test]
    fn a_repeated_frame_is_seen() {
        let ((mut sealer, mut opener), mut sealed) = (pair(), Vec::new());
        sealer.seal(b"vote", &mut sealed).unwrap();
        assert!(open_all(&mut opener, &sealed).is_ok());
        assert_eq!(open_all(&mut opener, &sealed), Err(SealError::Forged));
    }

    #[test]
    fn a_claimed_length_above_the_frame_is_refused() {
        let (mut sealer, mut opener) = pair();
        let mut frame = [0_u8; SEALED];
        frame[..4].copy_from_slice(&1025_u32.to_le_bytes());
        let nonce = sealer.counter.next().unwrap();
        let tag = sealer
            .cipher
            .encrypt_in_place_detached(&nonce, &[], &mut frame[..PLAIN])
            .unwrap();
        frame[PLAIN..].copy_from_slice(&tag);
        assert_eq!(opener.open(&mut frame), Err(SealError::Length(1025)));
    }

    #[test]
    fn counters_do_not_come_round() {
        let mut counter = Counter(Some(u64::MAX));
        assert!(counter.next().is_ok());
        assert_eq!(counter.next(), Err(SealError::Exhausted));
    }
}
