//! Whose state it is, and where.

use std::path::PathBuf;
use std::time::Duration;

use crate::consensus::{ChainId, PublicKey};
use crate::gate::store::moved::Moved;
use crate::os::pair_lock::Scopes;
use crate::remedy::Commands;

use super::error::OpenError;

/// Whose state it is, and where.
#[derive(Clone, Debug)]
pub struct StateFile {
    /// The chain.
    pub chain_id: ChainId,
    /// The key.
    pub public_key: PublicKey,
    /// Which share of the key, where it is one: each has a watermark of its own, and a lock of its own.
    pub share: Option<u16>,
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

impl StateFile {
    /// What is said of a state from which another signer goes on, since the wall time `written`.
    pub fn handed_over(&self, written: Duration) -> OpenError {
        OpenError::HandedOver {
            chain: self.chain_id.clone(),
            path: self.path.clone(),
            written,
            commands: self.commands.clone(),
        }
    }

    /// What is said of a state from which another host goes on.
    pub fn moved_out(&self, moved: Moved) -> OpenError {
        OpenError::MovedOut {
            chain: self.chain_id.clone(),
            path: self.path.clone(),
            moved,
            commands: self.commands.clone(),
        }
    }
}
