//! A chain that another signer may have signed for, and where its state is.

use std::path::PathBuf;

use super::foreign::Format;

/// One chain of another signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The chain id.
    pub chain: String,
    /// Its state files; the highest counts.
    pub states: Vec<PathBuf>,
    /// Who wrote them, where their fields do not tell.
    pub format: Option<Format>,
    /// Why it cannot be taken over, if that is known already.
    pub trouble: Option<String>,
}
