//! The proof that bytes may be signed.
//!
//! A [`Permit`] is one byte string. It exists only after the watermark for it is durable (W3); its fields are
//! private, it cannot be cloned, and nothing outside of `gate` can make one.

use std::time::Duration;

use crate::consensus::SignBytes;

/// Leave to sign one byte string, once.
#[must_use = "a permit that is not signed with wastes its position"]
#[derive(Debug)]
pub struct Permit {
    bytes: SignBytes,
    /// Monotonic time until which a device may work on it (W4).
    until: Duration,
}

impl Permit {
    /// Only the gate calls this.
    pub(super) fn new(bytes: SignBytes, until: Duration) -> Self {
        Self { bytes, until }
    }

    /// The bytes to sign.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// A copy of the bytes, for whoever has others sign them, too.
    pub fn to_sign_bytes(&self) -> SignBytes {
        self.bytes.clone()
    }

    /// Until when a device may work on it: a reading of the monotonic clock ([`crate::os::clock::Moment`]).
    pub fn until(&self) -> Duration {
        self.until
    }

    /// Gives the bytes up to the gate.
    pub(super) fn into_bytes(self) -> SignBytes {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_it_was_made_of() {
        let bytes = || SignBytes::raw(b"seven bytes".to_vec()).unwrap();
        let until = Duration::from_millis(1_500);
        let permit = Permit::new(bytes(), until);
        assert_eq!(permit.bytes(), bytes().as_slice());
        assert_eq!(permit.until(), until);
        assert_eq!(permit.into_bytes(), bytes());
    }
}
