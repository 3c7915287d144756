//! The key that lies already where one is to be made.

use std::path::Path;

use crate::backends::softsign::key::SoftKey;
use crate::backends::softsign::passphrase::Passphrase;
use crate::backends::softsign::pem;
use crate::cli::report::Failure;
use crate::consensus::KeyType;
use crate::consensus::PublicKey;
use crate::secret_file::{self, SecretFileError, SecretSource};

/// The public half of the key in `path`; `None` where nothing has this name. Only the form that is written here counts, which
/// is base64, or encrypted where there is a passphrase: a key in another one would be shown as made, and `start` would not
/// read it.
///
/// # Errors
/// What lies there is not a key of type `kind`, or cannot be read, as when others may read it. Nothing is ever made in its
/// place.
pub(super) fn key_in(
    path: &Path,
    kind: KeyType,
    passphrase: Option<&Passphrase>,
) -> Result<Option<PublicKey>, Failure> {
    if std::fs::symlink_metadata(path).is_err() {
        return Ok(None);
    }
    let exists = || Failure::new(SecretFileError::Exists(path.to_owned()));
    let secret = secret_file::read(&SecretSource::File(path.to_owned())).map_err(|error| {
        exists().hint(format!(
            "whether it is the key that was asked for cannot be seen: {error}"
        ))
    })?;
    let other = |error: &dyn std::fmt::Display| {
        exists().hint(format!("it is not the key that was asked for: {error}"))
    };
    let key = match passphrase {
        None => SoftKey::from_base64(&secret.bytes, kind).map_err(|error| other(&error))?,
        Some(passphrase) => {
            let read = pem::read(&secret.bytes, Some(passphrase), Some(kind))
                .map_err(|error| other(&error))?;
            read.key
        }
    };
    let public = key.public_key();
    match public.key_type() == kind {
        true => Ok(Some(public)),
        false => Err(other(&format!("it is of type {}", public.key_type()))),
    }
}

/// Whether `path` holds this very key already.
///
/// # Errors
/// Something else lies there, which is never overwritten.
pub(super) fn is_in(
    path: &Path,
    key: &PublicKey,
    kind: KeyType,
    passphrase: Option<&Passphrase>,
) -> Result<bool, Failure> {
    match key_in(path, kind, passphrase)? {
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
