//! The identity of a link, for the dial.

use crate::link::IdentityKey;
use crate::secret_file::SecretSource;
use crate::service::identity_of;

/// The identity of a link, for the dial.
pub(super) fn identity(source: Option<&SecretSource>) -> Result<Option<IdentityKey>, String> {
    source
        .map(|source| identity_of(source).map(|(identity, _)| identity))
        .transpose()
}
