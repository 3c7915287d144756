//! A proposal for a block.

use super::block_id::BlockId;
use super::hrs::{Height, Round};
use super::timestamp::Timestamp;

/// A proposal. Its block id is always complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The height proposed for.
    pub height: Height,
    /// The round of that height.
    pub round: Round,
    /// The round in which the block had a majority of prevotes (`pol_round`); `None` is −1 on the wire.
    pub pol_round: Option<Round>,
    /// The block.
    pub block: BlockId,
    /// The node's time.
    pub timestamp: Timestamp,
}
