//! The status of the service as a whole.

use serde::{Deserialize, Serialize};

use super::chain::ChainStatus;

/// The service as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The program's version.
    pub version: String,
    /// The commit it was built from.
    pub commit: String,
    /// The process.
    pub pid: u32,
    /// Whole seconds since the start.
    pub uptime_seconds: u64,
    /// The configuration file as it was named.
    pub config: String,
    /// What is wrong with the service itself: its metrics cannot be read. Every chain signs all the same.
    #[serde(default)]
    pub trouble: Option<String>,
    /// The chains, in the order of the file.
    pub chains: Vec<ChainStatus>,
}
