//! A configured share: what is known of it without signing, and how it is opened.

mod complete;
mod share_file;

use std::any::Any;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::backends::device::Device;
use crate::backends::key_source::{InFile, KeySource, KeyTraits, OpenKeyError, Opened, SeenKey};
use crate::consensus::{KeyType, PublicKey};
use crate::link::{IdentityKey, identity};
use crate::secret_file::SecretSource;
use crate::shares::{KeyShare, Quorum};

use crate::backends::cosign::cosigners::Cosigners;
use crate::backends::cosign::peers::{PeerPlace, PeerTimes, PeersSettings};
use crate::backends::cosign::settings::{CosignSettings, MemberSettings};
use share_file::ShareFile;

pub use complete::{CosignConfigError, complete};

/// The share of a section, with all members.
pub struct CosignSource {
    settings: CosignSettings,
    file: ShareFile,
    traits: KeyTraits,
    /// Which share was read the last time.
    id: Mutex<Option<u16>>,
    /// The share at work, while a chain has it.
    running: Mutex<Weak<Cosigners>>,
}

/// What lies on this host, read and held against the configuration.
pub struct MemberFiles {
    /// With the public shares of all members.
    pub share: KeyShare,
    /// By which the other members know this one.
    pub identity: IdentityKey,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl CosignSource {
    /// The share of a section.
    pub fn new(settings: CosignSettings) -> Self {
        let file = match &settings.share {
            SecretSource::File(path) => Some(InFile {
                path: path.clone(),
                json: false,
                pem: false,
                share: true,
                passphrase: settings.passphrase.clone(),
                key_type: KeyType::Ed25519,
            }),
            SecretSource::Environment(_) | SecretSource::Credential(_) => None,
        };
        Self {
            traits: KeyTraits {
                file,
                is_share: true,
                ..KeyTraits::of(format!("share {}", settings.share))
            },
            file: ShareFile::new(settings.share.clone(), settings.passphrase.clone()),
            settings,
            id: Mutex::default(),
            running: Mutex::default(),
        }
    }

    /// Whether two sections say the same.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.settings == other.settings
    }

    /// Reads share and identity. Nothing listens afterwards, and nobody is dialled.
    ///
    /// # Errors
    /// One of them cannot be read, or they are not what the configuration says of this member.
    pub fn read(&self) -> Result<MemberFiles, OpenKeyError> {
        let (share, mut warnings) = self.file.read().map_err(OpenKeyError)?;
        let (identity, warning) =
            identity::load_of_member(&self.settings.identity).map_err(OpenKeyError)?;
        warnings.extend(warning);
        let share = complete(share, &self.settings, identity.peer_id()).map_err(|error| {
            OpenKeyError(format!("the share in {}: {error}", self.settings.share))
        })?;
        *self.id.lock() = Some(share.id());
        Ok(MemberFiles {
            share,
            identity,
            warnings,
        })
    }
}

impl CosignSource {
    /// What `check` tells of it.
    fn notes(&self, read: &MemberFiles) -> Vec<String> {
        let quorum = read.share.quorum();
        let (threshold, members) = (quorum.threshold(), quorum.members());
        let proven = format!(
            "share {} of a key of which {threshold} of {members} sign; any {threshold} of the public shares give its public key",
            read.share.id()
        );
        let identity = format!(
            "the other members know this one by the peer id {}, and it listens at {} for those with higher ids",
            read.identity.peer_id(),
            self.settings.listen
        );
        vec![proven, tolerated(quorum), identity]
    }
}

impl KeySource for CosignSource {
    fn traits(&self) -> &KeyTraits {
        &self.traits
    }

    fn devices(&self) -> Vec<&dyn Device> {
        Vec::new()
    }

    fn is_same(&self, other: &dyn KeySource) -> bool {
        let other: &dyn Any = other;
        other
            .downcast_ref::<Self>()
            .is_some_and(|other| self.says_the_same(other))
    }

    fn share_id(&self) -> Option<u16> {
        *self.id.lock()
    }

    fn look(&self) -> Result<PublicKey, OpenKeyError> {
        self.file.look().map_err(OpenKeyError)
    }

    fn inspect(&self) -> Result<SeenKey, OpenKeyError> {
        let read = self.read()?;
        Ok(SeenKey {
            public_key: read.share.public_key().clone(),
            notes: self.notes(&read),
            warnings: read.warnings,
            unavailable: None,
        })
    }

    fn open(&self) -> Result<Opened, OpenKeyError> {
        // Held until it runs: chains of one section are armed at once, and one port is enough for all.
        let mut running = self.running.lock();
        if let Some(cosigners) = running.upgrade() {
            return Ok(Opened {
                signer: Arc::new(cosigners.signer()),
                warnings: Vec::new(),
            });
        }
        let read = self.read()?;
        let cosigners = self.ready(read.share, read.identity)?;
        *running = Arc::downgrade(&cosigners);
        Ok(Opened {
            signer: Arc::new(cosigners.signer()),
            warnings: read.warnings,
        })
    }
}

impl CosignSource {
    fn ready(
        &self,
        share: KeyShare,
        identity: IdentityKey,
    ) -> Result<Arc<Cosigners>, OpenKeyError> {
        let place = |member: &MemberSettings| {
            Some(PeerPlace {
                id: member.id,
                peer_id: member.peer_id,
                host: member.host.clone(),
                port: member.port,
                public_share: *share.public_shares().get(member.id)?,
            })
        };
        let settings = PeersSettings {
            own: share.id(),
            identity: Arc::new(identity),
            listen: self.settings.listen.to_string(),
            members: self.settings.members.iter().filter_map(place).collect(),
            public_key: share.public_key().clone(),
            quorum: share.quorum(),
            times: PeerTimes::default(),
        };
        Cosigners::ready(&share, settings)
            .map_err(|error| OpenKeyError(format!("the share in {}: {error}", self.settings.share)))
    }
}

/// What t of n tolerates, in words.
pub fn tolerated(quorum: Quorum) -> String {
    let down = match quorum.may_be_down() {
        0 => "no member may be down".to_owned(),
        1 => "1 member may be down".to_owned(),
        down => format!("{down} members may be down"),
    };
    let stolen = match quorum.may_be_stolen() {
        1 => "1 share may be stolen and the key is safe".to_owned(),
        stolen => format!("{stolen} shares may be stolen and the key is safe"),
    };
    let rolled_back = match quorum.may_be_rolled_back() {
        0 => "but no member may be rolled back or broken into: with one that is a double sign is possible, which 3 of 4 would stand".to_owned(),
        1 => "and 1 member may be rolled back or broken into without a double sign".to_owned(),
        more => format!("and {more} members may be rolled back or broken into without a double sign"),
    };
    format!("{down}, {stolen}, {rolled_back}")
}
