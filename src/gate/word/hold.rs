//! Why nothing of a chain is signed yet: its word is waited for.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::text::count::count;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// An answer of the nodes of `rpc`.
    Answer,
    /// So many new blocks, whether another signer has votes of this key in them.
    Blocks(u32),
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer => f.write_str(
                "no node of `rpc` has told yet up to which height this key has signed, and nothing is signed before \
                 (`floor = \"refuse\"` or `doppelganger_blocks`); the log says of each node why it is not used",
            ),
            Self::Blocks(left) => write!(
                f,
                "{} to be watched for votes of a second signer with this key (`doppelganger_blocks`)",
                count(*left, "more new block")
            ),
        }
    }
}

/// Whether a chain waits. Looked at without a lock.
#[derive(Debug, Default)]
pub struct WordHold(ArcSwapOption<Wait>);

impl WordHold {
    /// From the next request on; `None`: it waits no more.
    pub fn set(&self, wait: Option<Wait>) {
        self.0.store(wait.map(Arc::new));
    }

    /// What is waited for.
    pub fn wait(&self) -> Option<Wait> {
        self.0.load().as_deref().copied()
    }
}
