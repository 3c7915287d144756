//! Makes the home of a configuration that was written from another signer's.

use std::path::Path;

use crate::cli::init;
use crate::cli::report::{Failure, status};
use crate::os::files::paths::folder_of;

/// Writes it where there is none yet, with the identity key and the folders that it names.
pub(super) fn configuration(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = folder_of(path);
    for sub in ["", "secrets", "state"] {
        init::make_folder(&folder.join(sub))?;
    }
    init::make_identity(&folder.join("secrets/kms-identity.key"))?;
    init::write_new(path, text)
        .map_err(|error| Failure::new(format!("{} cannot be made: {error}", path.display())))?;
    status("Created", path.display());
    Ok(())
}
