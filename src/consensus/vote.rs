//! Prevotes and precommits, each a type of its own, so that an extension can stand only where it may.

use super::block_id::BlockId;
use super::hrs::{Height, Round};
use super::timestamp::Timestamp;

/// A prevote; `block` is `None` for nil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prevote {
    /// The height voted on.
    pub height: Height,
    /// The round of that height.
    pub round: Round,
    /// The block voted for, or nil.
    pub block: Option<BlockId>,
    /// The node's time.
    pub timestamp: Timestamp,
}

/// A precommit for nil or for a block; only the latter has an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precommit {
    /// The height voted on.
    pub height: Height,
    /// The round of that height.
    pub round: Round,
    /// The block voted for with the extension to it, or nil.
    pub block: Option<(BlockId, Extension)>,
    /// The node's time.
    pub timestamp: Timestamp,
}

/// What the application adds to a precommit for a block; may be empty and is signed all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    /// The application's bytes.
    pub data: Vec<u8>,
    /// The node says that the chain has no extensions (`skip_extension_signing`, CometBFT v1.0).
    pub skip: bool,
}
