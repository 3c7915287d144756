//! The configuration file that all commands take.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, ConfigError};
use crate::secret_file::Variables;

use super::report::Failure;

/// The file that all commands read.
#[derive(Args, Clone, Debug)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(
        short,
        long = "config",
        env = "TMKMS_CONFIG_FILE",
        default_value = "tmkms.toml",
        value_name = "PATH"
    )]
    pub(super) config: PathBuf,
}

impl ConfigFile {
    pub(super) fn load(&self) -> Result<Config, Failure> {
        Config::load(&self.config).map_err(wrong)
    }

    /// For a service: a file that cannot be read may come with a mount that is late, and one that everybody
    /// may change with a `chmod`, so these are worth another start.
    pub(super) fn load_to_serve(&self, handed: Variables) -> Result<Config, Failure> {
        Config::load_with(&self.config, handed).map_err(|error| match error {
            ConfigError::Unreadable { .. } | ConfigError::Exposed { .. } => wrong(error).may_heal(),
            ConfigError::Wrong(_) => wrong(error),
        })
    }
}

/// What a configuration that cannot be used ends a command with.
pub(super) fn wrong(error: ConfigError) -> Failure {
    match error {
        ConfigError::Unreadable { .. } => {
            Failure::usage(&error).hint("`tmkms.toml.example` shows every setting")
        }
        ConfigError::Exposed { .. } => Failure::usage(error),
        ConfigError::Wrong(text) => Failure::usage(text),
    }
}
