//! How a chain is, in one word.

use serde::Serialize;

/// How a chain is, the best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It answers its nodes, and nobody needs to look at it.
    #[default]
    Ready,
    /// It answers its nodes, and somebody should look at it.
    Attention,
    /// It cannot answer a node.
    NotReady,
}
