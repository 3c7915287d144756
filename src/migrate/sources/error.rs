//! Why another signer's files cannot be used.

use std::path::PathBuf;

use crate::config::ConfigError;
use crate::os::files::bounded::ReadError;

/// Why another signer's files cannot be used. [`SourceError::hint`] is the remedy.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing lies there.
    #[error("{}: no such file or directory", .0.display())]
    Missing(PathBuf),
    /// A folder of nobody that is known.
    #[error(
        "{} is not the home of a signer or node: no tmkms.toml, kms.yaml, config.yaml or config/priv_validator_key.json",
        .0.display()
    )]
    NoHome(PathBuf),
    /// A node's genesis file does not say its chain.
    #[error("the chain id cannot be read from {}: {why}", path.display())]
    Genesis {
        /// The genesis file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A node's `config.toml`.
    #[error("{} cannot be read: {why}", path.display())]
    NodeConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The configuration of another signer.
    #[error("{} cannot be read: {why}", path.display())]
    OldConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A state file that could be of any chain.
    #[error("{} does not say which chain it belongs to", .0.display())]
    NoChain(PathBuf),
    /// A state file.
    #[error(transparent)]
    State(#[from] ReadError),
    /// Our own configuration, which says of which chain a state file is.
    #[error(transparent)]
    OwnConfig(#[from] ConfigError),
}

impl SourceError {
    /// What to do about it, where there is more to do than the error says.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoHome(_) => Some(
                "name the home, the configuration or one state file; `--from` says whose it is",
            ),
            Self::Genesis { .. } | Self::NoChain(_) => Some("say it with `--chain ID`"),
            Self::NodeConfig { .. } => {
                Some("name the node's state file itself instead of its home")
            }
            Self::Missing(_) | Self::OldConfig { .. } | Self::State(_) | Self::OwnConfig(_) => None,
        }
    }
}
