//! The devices, and THE TABLE: a backend is one folder and one line of [`TABLE`].

#[cfg(any(feature = "ledger", feature = "yubihsm"))]
mod abandoned;
mod configured;
#[cfg(feature = "cosign")]
pub mod cosign;
mod device;
mod key_source;
#[cfg(feature = "ledger")]
pub mod ledger;
pub mod replicas;
// The forms of key files are in every build: links have an identity key, and a YubiHSM imports keys. The feature decides
// whether votes are signed with them: see `TABLE`.
pub mod softsign;
#[cfg(feature = "yubihsm")]
pub mod yubihsm;

use crate::settings::{Base, Problem, TableReader};

pub use configured::{ConfiguredKey, KeyTurn, SharedDevice};
pub use device::{Backup, Device, DeviceCounts, DeviceSample, LogFill, all_down, with_serial};
pub use key_source::{DeviceKeyId, InFile, KeySource, KeyTraits, OpenKeyError, Opened, SeenKey};

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
    #[cfg(feature = "cosign")]
    Backend {
        name: "cosign",
        read: cosign::config::read,
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
        "cosign",
        "this build is without shares of keys; build it with the feature `cosign`, which is on by default",
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
            ("cosign", cfg!(feature = "cosign")),
            ("fortanixdsm", false),
        ] {
            assert_eq!(is_here(name), feature, "{name}");
            assert_eq!(absent.contains(&name), !feature, "{name}");
        }
    }
}
