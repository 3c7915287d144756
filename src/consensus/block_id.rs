//! The identity of a block: its hash and the header of its part set.

use std::fmt;

/// The header of a block's part set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartSetHeader {
    /// How many parts the block has, at least 1.
    pub total: u32,
    /// The Merkle root of the parts.
    pub hash: [u8; 32],
}

/// A complete block id. "No block" (nil) is `Option::<BlockId>::None`, so a half-filled one cannot exist (W10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockId {
    /// The hash of the block's header.
    pub hash: [u8; 32],
    /// The header of its part set.
    pub parts: PartSetHeader,
}

/// Why hash, total and part-set hash are neither nil nor complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the block id is neither nil nor complete (hash of {hash} bytes, {total} parts, part-set hash of {parts} bytes)"
)]
pub struct IncompleteBlockId {
    /// Length of the block hash in bytes; 32 when complete.
    pub hash: usize,
    /// Number of parts; at least 1 when complete.
    pub total: u32,
    /// Length of the part-set hash in bytes; 32 when complete.
    pub parts: usize,
}

impl BlockId {
    /// Reads the fields as they come over the wire: all empty is nil, all complete is a block, the rest is an error.
    /// The rule is that of `ProtoBlockIDIsNil` and `BlockID.IsComplete` in CometBFT's `types/`.
    pub fn from_parts(
        hash: &[u8],
        total: u32,
        parts_hash: &[u8],
    ) -> Result<Option<Self>, IncompleteBlockId> {
        if hash.is_empty() && total == 0 && parts_hash.is_empty() {
            return Ok(None);
        }
        match (
            <[u8; 32]>::try_from(hash),
            total,
            <[u8; 32]>::try_from(parts_hash),
        ) {
            (Ok(hash), 1.., Ok(parts_hash)) => Ok(Some(Self {
                hash,
                parts: PartSetHeader {
                    total,
                    hash: parts_hash,
                },
            })),
            _ => Err(IncompleteBlockId {
                hash: hash.len(),
                total,
                parts: parts_hash.len(),
            }),
        }
    }
}

impl fmt::Display for BlockId {
    /// The first ten hexadecimal digits of the hash, as nodes log it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash
            .iter()
            .take(5)
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nil_complete_and_nothing_between() {
        assert_eq!(BlockId::from_parts(&[], 0, &[]), Ok(None));
        let block = BlockId::from_parts(&[1; 32], 1, &[2; 32]).unwrap().unwrap();
        assert_eq!(block.to_string(), "0101010101");
        for (hash, total, parts) in [
            (0, 1, 0),
            (32, 0, 32),
            (32, 1, 0),
            (0, 1, 32),
            (31, 1, 32),
            (33, 1, 32),
            (32, 1, 31),
            (32, 0, 0),
        ] {
            assert!(BlockId::from_parts(&vec![1; hash], total, &vec![2; parts]).is_err());
        }
    }
}
