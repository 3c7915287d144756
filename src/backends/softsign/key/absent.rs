//! A key type that this build was made without. It is told as such before any of these is asked.

use zeroize::Zeroizing;

use super::error::SoftKeyError;
use super::secret::SigningSecret;

/// No key.
pub(super) fn read(_: &[u8]) -> Result<Box<dyn SigningSecret>, SoftKeyError> {
    Err(SoftKeyError::Sign)
}

/// No key either.
pub(super) fn of_seed(_: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, SoftKeyError> {
    Err(SoftKeyError::Sign)
}
