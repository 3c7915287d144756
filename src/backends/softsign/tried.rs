//! What came of a key file when it was opened the last time. The same bytes give the same key, so it is not computed again: a
//! passphrase takes a quarter of a second, and a service tries every few seconds what does not open, and looks at each reload
//! whether the key is still the one that signs.

use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::backends::key_source::OpenKeyError;
use crate::consensus::PublicKey;

use super::key::SoftKey;

/// The last try; clones are of one file.
#[derive(Clone, Default)]
pub struct Tried(Arc<Mutex<Option<LastTry>>>);

struct LastTry {
    /// Of the file.
    file: Zeroizing<[u8; 32]>,
    /// Of all that it took.
    all: Zeroizing<[u8; 32]>,
    came: Result<OpenedKey, OpenKeyError>,
}

/// A key that was opened.
#[derive(Clone)]
pub struct OpenedKey {
    /// The key.
    pub key: Arc<SoftKey>,
    /// Whether a passphrase protects it that can be tried out quickly.
    pub weak: bool,
}

impl std::fmt::Debug for Tried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tried")
    }
}

impl Tried {
    /// What came of this file with this passphrase the last time, if they were the last.
    pub fn before(
        &self,
        file: &[u8],
        passphrase: &[u8],
    ) -> Option<Result<OpenedKey, OpenKeyError>> {
        let tried = self.0.lock();
        let last = tried.as_ref()?;
        (last.all == digest_of(&[file, passphrase])).then(|| last.came.clone())
    }

    /// What came of them. Only what is so each time is to be remembered.
    pub fn remember(&self, file: &[u8], passphrase: &[u8], came: &Result<OpenedKey, OpenKeyError>) {
        *self.0.lock() = Some(LastTry {
            file: digest_of(&[file]),
            all: digest_of(&[file, passphrase]),
            came: came.clone(),
        });
    }

    /// The key in this file, if it is the one that was opened the last time; whatever opened it.
    pub fn public_key_in(&self, file: &[u8]) -> Option<PublicKey> {
        let tried = self.0.lock();
        let last = tried.as_ref()?;
        let opened = last.came.as_ref().ok()?;
        (last.file == digest_of(&[file])).then(|| opened.key.public_key())
    }
}

fn digest_of(parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    Zeroizing::new(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::KeyType;

    #[test]
    fn the_same_again_is_known_and_anything_else_is_not() {
        let (tried, error) = (Tried::default(), OpenKeyError("no".to_owned()));
        let is_known = |file: &[u8], passphrase: &[u8]| tried.before(file, passphrase).is_some();
        assert!(!is_known(b"file", b"passphrase"));
        tried.remember(b"file", b"passphrase", &Err(error.clone()));
        let before = tried.before(b"file", b"passphrase").unwrap();
        assert_eq!(before.err(), Some(error));
        assert!(!is_known(b"filep", b"assphrase"));
        assert!(!is_known(b"file", b"other"));
        assert_eq!(tried.public_key_in(b"file"), None, "it did not open");
        let key = SoftKey::from_bytes(&[5; 32], KeyType::Ed25519).unwrap();
        let key = Arc::new(key);
        let opened = OpenedKey {
            key: key.clone(),
            weak: false,
        };
        tried.remember(b"file", b"right", &Ok(opened));
        assert!(!is_known(b"file", b"passphrase"));
        let again = tried.before(b"file", b"right").unwrap().ok().unwrap();
        assert!(Arc::ptr_eq(&again.key, &key), "nothing is computed");
        assert_eq!(tried.public_key_in(b"file"), Some(key.public_key()));
        assert_eq!(tried.public_key_in(b"fil"), None);
    }
}
