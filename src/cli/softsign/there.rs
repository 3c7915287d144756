//! The key that lies already where one is to be made.

use std::path::Path;

use crate::backends::softsign::Purpose;
use crate::backends::softsign::key::SoftKey;
use crate::cli::report::Failure;
use crate::consensus::PublicKey;
use crate::secret_file::{self, SecretFileError, SecretSource};

/// The public half of the key in `path`; `None` where nothing has this name.
///
/// # Errors
/// What lies there is not a key for `purpose`, or others may read it. Nothing is ever made in its place.
pub(super) fn key_in(path: &Path, purpose: Purpose) -> Result<Option<PublicKey>, Failure> {
    if std::fs::symlink_metadata(path).is_err() {
        return Ok(None);
    }
    let unusable = |why: &dyn std::fmt::Display| {
        Failure::new(SecretFileError::Exists(path.to_owned()))
            .hint(format!("it is not the key that was asked for: {why}"))
    };
    let secret = secret_file::read(&SecretSource::File(path.to_owned()));
    let secret = secret.map_err(|error| unusable(&error))?;
    let key = match secret.bytes.trim_ascii_start().starts_with(b"{") {
        true => SoftKey::from_json(&secret.bytes, purpose),
        false => SoftKey::from_base64(&secret.bytes, purpose),
    };
    Ok(Some(key.map_err(|error| unusable(&error))?.public_key()))
}

/// Whether `path` holds this very key already.
///
/// # Errors
/// Something else lies there, which is never overwritten.
pub(super) fn is_in(path: &Path, key: &PublicKey, purpose: Purpose) -> Result<bool, Failure> {
    match key_in(path, purpose)? {
        None => Ok(false),
        Some(found) if found == *key => Ok(true),
        Some(other) => Err(
            Failure::new(SecretFileError::Exists(path.to_owned())).hint(format!(
                "it holds another key, whose address is {}; the one to import has {}",
                other.address(),
                key.address()
            )),
        ),
    }
}
