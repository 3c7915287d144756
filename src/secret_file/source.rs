//! Where a secret comes from.

use std::fmt;
use std::path::PathBuf;

use super::variables::Variable;

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// An environment variable: `env:NAME`.
    Environment(Variable),
    /// A systemd credential: `credential:NAME`.
    Credential(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(variable) => write!(f, "env:{}", variable.name()),
            Self::Credential(name) => write!(f, "credential:{name}"),
        }
    }
}
