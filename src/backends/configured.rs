//! What a section of the configuration says about keys and the device that they are on.

use std::sync::Arc;

use crate::settings::Spanned;

use super::key_source::KeySource;
use super::replicas::ReplicaSource;

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
    pub replica: Option<Arc<dyn ReplicaSource>>,
}

/// A device that all chains of its section share.
#[derive(Clone, Debug)]
pub struct SharedDevice {
    /// What it is, and its section.
    pub name: Spanned<String>,
    /// About how many signatures it makes in a second.
    pub signatures_per_second: u32,
}
