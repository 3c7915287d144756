//! The devices, and THE TABLE: a backend is one folder and one line of [`TABLE`].

#[cfg(any(feature = "ledger", feature = "yubihsm"))]
mod abandoned;
#[cfg(feature = "ledger")]
pub mod ledger;
pub mod replicas;
// The forms of key files are in every build: links have an identity key, and a YubiHSM imports keys. The feature decides
// whether votes are signed with them: see `TABLE`.
pub mod softsign;
#[cfg(feature = "yubihsm")]
pub mod yubihsm;

use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::consensus::PublicKey;
use crate::settings::{Base, Problem, Spanned, TableReader};
use crate::signer::Signer;

/// A device that all chains of its section share.
#[derive(Clone, Debug)]
pub struct SharedDevice {
    /// What it is, and its section.
    pub name: Spanned<String>,
    /// About how many signatures it makes in a second.
    pub signatures_per_second: u32,
}

/// The keys that one provider section configures.
pub struct ConfiguredKey {
    /// The chains that they sign for.
    pub chain_ids: Vec<Spanned<String>>,
    /// What two sections must not share: the key file or the device.
    pub source: Spanned<String>,
    /// The device, where two sections must not share it.
    pub device: Option<SharedDevice>,
    /// How to open the key.
    pub key: Arc<dyn KeySource>,
    /// The same, where the key may be one of several replicas.
    pub replica: Option<Arc<dyn replicas::ReplicaSource>>,
}

/// A configured key that is not open yet.
pub trait KeySource: Send + Sync {
    /// What it is, for messages: the backend and the file or device.
    fn describe(&self) -> String;

    /// The file that holds it, if one does.
    fn file(&self) -> Option<InFile<'_>> {
        None
    }

    /// Which keys on which devices these are; none for a key in a file. Must not wait for a device.
    fn device_keys(&self) -> Vec<DeviceKeyId> {
        Vec::new()
    }

    /// Itself, for the commands of its own backend.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }

    /// Whether it can sign vote extensions and raw bytes; a chain with a key that cannot must say so in its settings.
    fn signs_extensions(&self) -> bool {
        true
    }

    /// The devices that hold it, as they are now; none for a key in this process's memory. Must not wait for a device.
    fn devices(&self) -> Vec<DeviceSample> {
        Vec::new()
    }

    /// When the backup of its key was last proven, where the backend remembers that. May wait for a file.
    fn backup(&self, _key: &PublicKey) -> Option<Backup> {
        None
    }

    /// Whether [`KeySource::repair`] may help: a thread hangs in its device, or a device refuses the login. Must not wait.
    fn needs_repair(&self) -> bool {
        false
    }

    /// Gives a thread up that hangs in its device and opens the device anew, or logs in with what was corrected
    /// meanwhile. May wait.
    fn repair(&self) {}

    /// Opens it. The warnings are for the operator.
    fn open(&self) -> Result<(Arc<dyn Signer>, Vec<String>), OpenKeyError>;
}

/// Which key on which device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceKeyId {
    /// The device, as the configuration identifies it.
    pub device: String,
    /// The key's id there.
    pub id: u16,
}

/// When the backup of a key was last proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backup {
    /// Nobody knows of a proof.
    NeverProven,
    /// So long after 1970.
    Proven(Duration),
}

/// A device, seen without asking it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceSample {
    /// The device, as messages name it.
    pub name: String,
    /// Whether its last exchange worked. A key whose [`Signer::unavailable_reason`] says otherwise is down all the same.
    pub up: bool,
    /// Why it is not up, where that is known.
    pub trouble: Option<String>,
    /// What it did, where that is counted.
    pub counts: Option<DeviceCounts>,
    /// How full its log is, where it has one.
    pub log: Option<LogFill>,
}

/// How full the log of a device is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFill {
    /// Entries in it.
    pub used: u64,
    /// Entries that it can hold.
    pub size: u64,
}

/// What a device did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceCounts {
    /// Requests that it has not answered yet.
    pub waiting: u64,
    /// Exchanges that failed.
    pub failures: u64,
    /// How often it was lost.
    pub losses: u64,
    /// Sessions that were opened.
    pub sessions: u64,
    /// How often a thread that hung in it was given up, and it was opened anew by another.
    pub reopened: u64,
}

/// A key that lies in a file, and how it is written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// `priv_validator_key.json`; otherwise base64.
    pub json: bool,
    /// secp256k1; otherwise Ed25519.
    pub account: bool,
}

/// Why a key cannot be opened. The text names the key and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenKeyError(pub String);

/// One kind of `[[providers.NAME]]`.
pub struct Backend {
    /// The name in the configuration.
    pub name: &'static str,
    /// Reads one section.
    pub read: fn(&mut TableReader<'_>, &Base, &mut Vec<Problem>) -> Vec<ConfiguredKey>,
}

/// Every backend of this build.
pub const TABLE: &[Backend] = &[
    #[cfg(feature = "softsign")]
    Backend {
        name: "softsign",
        read: softsign::config::read,
    },
    #[cfg(feature = "yubihsm")]
    Backend {
        name: "yubihsm",
        read: yubihsm::config::read,
    },
    #[cfg(feature = "ledger")]
    Backend {
        name: "ledgertm",
        read: ledger::config::read,
    },
];

/// Backends that people's files name and a build may be without, with the remedy.
const ABSENT: &[(&str, &str)] = &[
    (
        "softsign",
        "this build signs with no keys in files; build it with the feature `softsign`, which is on by default",
    ),
    (
        "yubihsm",
        "this build is without YubiHSM support; build it with the feature `yubihsm`, which is on by default",
    ),
    (
        "ledgertm",
        "this build is without Ledger support; build it with the feature `ledger`, which is on by default",
    ),
    (
        "fortanixdsm",
        "Fortanix DSM is not supported; its keys can be reached by PKCS#11, which a later version will speak",
    ),
];

/// Whether this build reads `[[providers.NAME]]`.
pub fn is_here(name: &str) -> bool {
    TABLE.iter().any(|backend| backend.name == name)
}

/// The backends that people's files name and this build does not have, with the remedy.
pub fn absent() -> impl Iterator<Item = (&'static str, &'static str)> {
    ABSENT.iter().filter(|(name, _)| !is_here(name)).copied()
}

/// The backend that examples name: keys in files, where this build has them.
pub fn usual() -> &'static str {
    TABLE.first().map_or("softsign", |backend| backend.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_build_lacks_has_a_remedy_and_what_it_has_is_not_lacking() {
        let absent: Vec<&str> = absent().map(|(name, _)| name).collect();
        for (name, feature) in [
            ("softsign", cfg!(feature = "softsign")),
            ("yubihsm", cfg!(feature = "yubihsm")),
            ("ledgertm", cfg!(feature = "ledger")),
            ("fortanixdsm", false),
        ] {
            assert_eq!(is_here(name), feature, "{name}");
            assert_eq!(absent.contains(&name), !feature, "{name}");
        }
    }
}
