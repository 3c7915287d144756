//! The folder of one member, as `cosign split` makes it: its share, its identity key, and the section of its configuration.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::backends::cosign::config::read_written;
use crate::backends::cosign::source::complete;
use crate::backends::softsign::key::SoftKey;
use crate::cli::report::Failure;
use crate::config::providers;
use crate::consensus::KeyType;
use crate::link::{IdentityKey, PeerId, identity};
use crate::os::files::folders;
use crate::os::files::replace::{Readers, create};
use crate::secret_file::{self, SecretSource};
use crate::shares::KeyShare;

use super::shards::own;

/// A new identity key.
pub(super) struct NewIdentity {
    text: Zeroizing<Vec<u8>>,
    pub peer_id: PeerId,
}

impl NewIdentity {
    pub(super) fn generate() -> Result<Self, Failure> {
        let (_, text) = SoftKey::generate(KeyType::Ed25519).map_err(Failure::new)?;
        let peer_id = IdentityKey::from_base64(&text)
            .map_err(Failure::new)?
            .peer_id();
        Ok(Self { text, peer_id })
    }
}

/// The folder of one member.
pub(super) struct MemberFolder(PathBuf);

impl MemberFolder {
    /// That of a member, in the folder of all.
    pub(super) fn of(all: &Path, id: u16) -> Self {
        Self(all.join(format!("member-{id}")))
    }

    /// Makes a private folder.
    pub(super) fn make(path: &Path) -> Result<(), Failure> {
        folders::make_folder(path, Readers::Owner)
            .map_err(|error| Failure::new(format!("{} cannot be made: {error}", path.display())))
    }

    /// Makes it with its files.
    pub(super) fn write(
        &self,
        share: &KeyShare,
        identity: &NewIdentity,
        section: &str,
    ) -> Result<(), Failure> {
        Self::make(&self.0)?;
        let new =
            |path: PathBuf, text: &[u8]| secret_file::create(&path, text).map_err(Failure::new);
        new(self.share(), &share.to_json())?;
        new(self.identity(), &identity.text)?;
        let path = self.section();
        create(&path, section.as_bytes(), Readers::Owner)
            .map_err(|error| Failure::new(format!("{} cannot be made: {error}", path.display())))
    }

    /// Reads all of it again as a service would; the share.
    pub(super) fn read(&self) -> Result<KeyShare, Failure> {
        let share = own(&self.share())?;
        let (identity, _) =
            identity::load(&SecretSource::File(self.identity())).map_err(Failure::new)?;
        let (sections, _) =
            providers(&self.section(), "cosign", read_written).map_err(Failure::new)?;
        let [section] = sections.as_slice() else {
            return Err(Failure::new(format!(
                "{} has no [[providers.cosign]]",
                self.section().display()
            )));
        };
        complete(share, &section.settings, identity.peer_id())
            .map_err(|error| Failure::new(format!("{}: {error}", self.section().display())))
    }

    fn share(&self) -> PathBuf {
        self.0.join("share.json")
    }

    fn identity(&self) -> PathBuf {
        self.0.join("identity.key")
    }

    fn section(&self) -> PathBuf {
        self.0.join("cosign.toml")
    }
}
