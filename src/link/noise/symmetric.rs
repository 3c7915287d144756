//! Noise's two symmetric objects: a cipher with its counter, and the state that hashes all that was said.

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The protocol's name, which is as long as a hash: it is the first one as it stands (Noise, 5.2).
const NAME: &[u8; 32] = b"Noise_XX_25519_ChaChaPoly_SHA256";

/// What a sealed message is longer than what is in it, in bytes.
pub(super) const TAG: usize = 16;

/// Why something cannot be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CipherError {
    /// Changed, or sealed with another key or counter.
    Forged,
    /// No counter is left.
    Exhausted,
}

/// `CipherState` of Noise. No counter is used twice; the last is 2^64 - 2, because Noise keeps 2^64 - 1 (5.1).
pub(super) struct NoiseCipher {
    cipher: ChaCha20Poly1305,
    next: u64,
}

impl NoiseCipher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: ChaCha20Poly1305::new(Key::from_slice(key)),
            next: 0,
        }
    }

    /// 32 bits of zero and the counter, little-endian (Noise, 12.3).
    fn nonce(&mut self) -> Result<Nonce, CipherError> {
        let count = self.next;
        self.next = count.checked_add(1).ok_or(CipherError::Exhausted)?;
        let mut nonce = Nonce::default();
        nonce
            .iter_mut()
            .skip(4)
            .zip(count.to_le_bytes())
            .for_each(|(to, from)| *to = from);
        Ok(nonce)
    }

    /// Seals what stands in `out` from `start` on, and appends the tag.
    pub(super) fn seal(
        &mut self,
        ad: &[u8],
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), CipherError> {
        let nonce = self.nonce()?;
        let plain = out.get_mut(start..).unwrap_or_default();
        let sealed = self.cipher.encrypt_in_place_detached(&nonce, ad, plain);
        let tag = sealed.map_err(|_| CipherError::Exhausted)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens in place; what is shorter than a tag does not open.
    pub(super) fn open<'a>(
        &mut self,
        ad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8], CipherError> {
        let nonce = self.nonce()?;
        let length = sealed.len().checked_sub(TAG).ok_or(CipherError::Forged)?;
        let (text, tag) = sealed.split_at_mut(length);
        self.cipher
            .decrypt_in_place_detached(&nonce, ad, text, Tag::from_slice(tag))
            .map_err(|_| CipherError::Forged)?;
        Ok(text)
    }

    #[cfg(test)]
    pub(super) fn with_next(mut self, next: u64) -> Self {
        self.next = next;
        self
    }
}

/// `SymmetricState` of Noise.
pub(super) struct Symmetric {
    chaining_key: Zeroizing<[u8; 32]>,
    hash: [u8; 32],
    cipher: Option<NoiseCipher>,
}

impl Symmetric {
    pub(super) fn new(prologue: &[u8]) -> Self {
        let mut state = Self {
            chaining_key: Zeroizing::new(*NAME),
            hash: *NAME,
            cipher: None,
        };
        state.mix_hash(prologue);
        state
    }

    pub(super) fn mix_hash(&mut self, data: &[u8]) {
        let hash = Sha256::new().chain_update(self.hash).chain_update(data);
        self.hash = hash.finalize().into();
    }

    pub(super) fn mix_key(&mut self, input: &[u8; 32]) {
        let (chaining_key, key) = self.derive(input);
        self.chaining_key = chaining_key;
        self.cipher = Some(NoiseCipher::new(&key));
    }

    /// Two keys of the chaining key and what is mixed in.
    fn derive(&self, input: &[u8]) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
        let mut derived = Zeroizing::new([0; 64]);
        // 64 bytes are well below the limit of HKDF, so this cannot fail.
        let _ = Hkdf::<Sha256>::new(Some(&*self.chaining_key), input).expand(&[], &mut *derived);
        let (mut one, mut two) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        one.iter_mut()
            .chain(two.iter_mut())
            .zip(derived.iter())
            .for_each(|(to, from)| *to = *from);
        (one, two)
    }

    /// Appends data, sealed as soon as there is a key.
    pub(super) fn encrypt_and_hash(
        &mut self,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CipherError> {
        let start = out.len();
        out.extend_from_slice(data);
        if let Some(cipher) = &mut self.cipher {
            cipher.seal(&self.hash, out, start)?;
        }
        self.mix_hash(out.get(start..).unwrap_or_default());
        Ok(())
    }

    pub(super) fn decrypt_and_hash(&mut self, data: &[u8]) -> Result<Vec<u8>, CipherError> {
        let mut text = data.to_vec();
        if let Some(cipher) = &mut self.cipher {
            let length = cipher.open(&self.hash, &mut text)?.len();
            text.truncate(length);
        }
        self.mix_hash(data);
        Ok(text)
    }

    /// The cipher of what the initiator sends, and that of what the responder sends.
    pub(super) fn split(self) -> (NoiseCipher, NoiseCipher) {
        let (one, two) = self.derive(&[]);
        (NoiseCipher::new(&one), NoiseCipher::new(&two))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_counter_is_never_used() {
        let mut cipher = NoiseCipher::new(&[9; 32]).with_next(u64::MAX - 1);
        let mut out = Vec::new();
        assert!(cipher.seal(&[], &mut out, 0).is_ok());
        assert_eq!(cipher.seal(&[], &mut out, 0), Err(CipherError::Exhausted));
        assert_eq!(cipher.open(&[], &mut [0; 16]), Err(CipherError::Exhausted));
    }
}
