//! What another signer leaves behind.

use std::path::PathBuf;

use crate::migrate::candidate::Candidate;
use crate::migrate::foreign::Format;

use super::new_config::NewConfig;

/// What another signer leaves behind.
#[derive(Debug, Default)]
pub struct Source {
    /// The format that the operator named, for all state files.
    pub format: Option<Format>,
    /// The chains; `None`: those of the configuration.
    pub chains: Option<Vec<Candidate>>,
    /// The configuration to use, where it is the old signer's own.
    pub config: Option<PathBuf>,
    /// A configuration of ours with the same meaning as the old signer's, to be written where there is none.
    pub new_config: Option<NewConfig>,
    /// The home of a node.
    pub node_home: Option<PathBuf>,
    /// The key that a node has itself.
    pub node_key: Option<PathBuf>,
    /// The question before anything is changed, where it is not the usual one.
    pub question: Option<String>,
    /// For the operator.
    pub notes: Vec<String>,
}
