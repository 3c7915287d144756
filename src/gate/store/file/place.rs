//! Whose state it is, and where.

use std::path::PathBuf;

use crate::consensus::{ChainId, PublicKey};
use crate::os::pair_lock::Scopes;
use crate::remedy::Commands;

/// Whose state it is, and where.
#[derive(Clone, Debug)]
pub struct StateFile {
    /// The chain.
    pub chain_id: ChainId,
    /// The key.
    pub public_key: PublicKey,
    /// The state file.
    pub path: PathBuf,
    /// `allow_ephemeral_state`: any file system will do.
    pub allow_ephemeral: bool,
    /// The file is the floor under a store that other hosts share. Signers that share one do not exclude each other.
    pub shared: bool,
    /// Where chain and key are locked besides their name.
    pub scopes: Scopes,
    /// What messages tell the operator to run.
    pub commands: Commands,
}
