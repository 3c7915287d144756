//! The key that lies already where one is to be made.

use std::path::Path;

use crate::backends::softsign::key::SoftKey;
use crate::cli::report::Failure;
use crate::consensus::KeyType;
use crate::consensus::PublicKey;
use crate::secret_file::{self, SecretFileError, SecretSource};

/// The public half of the key in `path`; `None` where nothing has this name. Only the form that is written here counts: a
/// key in another one would be shown as made, and `start` would not read it.
///
/// # Errors
/// What lies there is not a key of type `kind`, or cannot be read, as when others may read it. Nothing is ever made in its
/// place.
pub(super) fn key_in(path: &Path, kind: KeyType) -> Result<Option<PublicKey>, Failure> {
    if std::fs::symlink_metadata(path).is_err() {
        return Ok(None);
    }
    let exists = || Failure::new(SecretFileError::Exists(path.to_owned()));
    let secret = secret_file::read(&SecretSource::File(path.to_owned())).map_err(|error| {
        exists().hint(format!(
            "whether it is the key that was asked for cannot be seen: {error}"
        ))
    })?;
    let key = SoftKey::from_base64(&secret.bytes, kind)
        .map_err(|error| exists().hint(format!("it is not the key that was asked for: {error}")))?;
    Ok(Some(key.public_key()))
}

/// Whether `path` holds this very key already.
///
/// # Errors
/// Something else lies there, which is never overwritten.
pub(super) fn is_in(path: &Path, key: &PublicKey, kind: KeyType) -> Result<bool, Failure> {
    match key_in(path, kind)? {
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
