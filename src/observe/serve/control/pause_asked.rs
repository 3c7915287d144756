//! The wish that nothing is signed for a chain, as it is sent.

use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseAsked {
    /// The chain id.
    pub chain: String,
    /// The lowest height that is not to be signed; `None` where nothing is.
    pub from: Option<i64>,
    /// What the operator wrote about it.
    pub why: Option<String>,
}
