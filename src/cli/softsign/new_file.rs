//! The new file of a key: tried before anything is asked, and proven to open before it is told as made.

use std::io;
use std::path::Path;

use crate::backends::softsign::key::SoftKey;
use crate::backends::softsign::passphrase::Passphrase;
use crate::backends::softsign::pem;
use crate::cli::report::Failure;
use crate::remedy;
use crate::secret_file::{NewFile, SecretFileError};

/// Begins a private file, which must not be there yet.
pub(super) fn begin(path: &Path) -> Result<NewFile, Failure> {
    NewFile::of_secret(path).map_err(|error| not_made(&error, path))
}

/// Its content, as it is.
pub(super) fn finish(file: NewFile, text: &[u8]) -> Result<(), Failure> {
    let path = file.path().to_owned();
    file.finish(text).map_err(|error| not_made(&error, &path))
}

/// The key, encrypted. It is opened again before it is written, and compared.
pub(super) fn finish_encrypted(
    file: NewFile,
    key: &SoftKey,
    passphrase: &Passphrase,
) -> Result<(), Failure> {
    let text = encrypted(key, passphrase)?;
    finish(file, &text)
}

/// The text of a file with this key, encrypted.
pub(super) fn encrypted(
    key: &SoftKey,
    passphrase: &Passphrase,
) -> Result<zeroize::Zeroizing<Vec<u8>>, Failure> {
    let text = pem::write(key, passphrase).map_err(Failure::new)?;
    match pem::read(&text, Some(passphrase), None) {
        Ok(again) if *again.key.to_base64() == *key.to_base64() => Ok(text),
        Ok(_) | Err(_) => Err(Failure::new(
            "what was encrypted did not open again, so nothing was written; the memory of this machine may be faulty",
        )),
    }
}

/// Why there is no new file, with the folder that it may lack.
pub(in crate::cli) fn not_made(error: &SecretFileError, path: &Path) -> Failure {
    let missing_folder = matches!(
        error,
        SecretFileError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound
    );
    let failure = Failure::new(error);
    match missing_folder {
        true => failure.hint(format!(
            "make its folder first, with `{}`",
            remedy::make_folder(path.parent().unwrap_or(Path::new(".")))
        )),
        false => failure,
    }
}
