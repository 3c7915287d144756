//! What did not open an encrypted key file: the key is not computed again from the same passphrase, which takes its time, while
//! a service tries every few seconds whether another one has come.

use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::backends::key_source::OpenKeyError;

/// The last try that failed; clones are of one file.
#[derive(Clone, Default)]
pub struct Tried(Arc<Mutex<Option<FailedTry>>>);

struct FailedTry {
    digest: Zeroizing<[u8; 32]>,
    error: OpenKeyError,
}

impl std::fmt::Debug for Tried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tried")
    }
}

impl Tried {
    /// What came of these bytes the last time, if they were the last.
    pub fn before(&self, what: &[&[u8]]) -> Option<OpenKeyError> {
        let tried = self.0.lock();
        let failed = tried.as_ref()?;
        (failed.digest == digest_of(what)).then(|| failed.error.clone())
    }

    /// They failed.
    pub fn remember(&self, what: &[&[u8]], error: &OpenKeyError) {
        *self.0.lock() = Some(FailedTry {
            digest: digest_of(what),
            error: error.clone(),
        });
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

    #[test]
    fn the_same_again_is_known_and_anything_else_is_not() {
        let (tried, error) = (Tried::default(), OpenKeyError("no".to_owned()));
        assert_eq!(tried.before(&[b"file", b"passphrase"]), None);
        tried.remember(&[b"file", b"passphrase"], &error);
        assert_eq!(tried.before(&[b"file", b"passphrase"]), Some(error));
        assert_eq!(tried.before(&[b"filep", b"assphrase"]), None);
        assert_eq!(tried.before(&[b"file", b"other"]), None);
    }
}
