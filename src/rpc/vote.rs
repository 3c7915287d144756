//! Our vote in the commit of a block: it counts only when our key made its signature over the canonical bytes.

use crate::consensus::{
    BlockId, ChainId, Extension, Height, Precommit, PublicKey, Round, SignBytes, Signature,
    Timestamp,
};

/// Our precommit as a commit holds it, with its signature verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The height.
    pub height: Height,
    /// The round in which the block was decided.
    pub round: Round,
    /// The block; `None` is a vote for none.
    pub block: Option<BlockId>,
    /// The time in the vote.
    pub timestamp: Timestamp,
}

/// What a commit holds of our validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoteInCommit {
    /// Our vote for the block, or for none; the signature is ours.
    Signed(Sighting),
    /// No vote: ours did not come in time, or we are not in the validator set.
    Nothing,
    /// A signature under our address that our key did not make.
    Forged,
}

/// One entry of a commit under our address.
pub(super) struct CommitEntry {
    /// Whether it is a vote for the commit's block; otherwise for none.
    pub for_block: bool,
    pub timestamp: Timestamp,
    pub signature: Signature,
}

/// The commit of a block, without its signatures.
pub(super) struct CommitHead {
    pub height: Height,
    pub round: Round,
    pub block: BlockId,
}

/// What these entries are worth.
pub(super) fn judge(
    head: &CommitHead,
    entries: &[CommitEntry],
    chain: &ChainId,
    key: &PublicKey,
) -> VoteInCommit {
    // A sound commit has one; a stranger shall not have us verify thousands.
    for entry in entries.iter().take(2) {
        let block = entry.for_block.then_some(head.block);
        let precommit = Precommit {
            height: head.height,
            round: head.round,
            block: block.map(|block| (block, Extension::default())),
            timestamp: entry.timestamp,
        };
        let bytes = SignBytes::precommit(chain, &precommit);
        if key.verify(bytes.as_slice(), &entry.signature) {
            return VoteInCommit::Signed(Sighting {
                height: head.height,
                round: head.round,
                block,
                timestamp: entry.timestamp,
            });
        }
    }
    match entries.is_empty() {
        true => VoteInCommit::Nothing,
        false => VoteInCommit::Forged,
    }
}
