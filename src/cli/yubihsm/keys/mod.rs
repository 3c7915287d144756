//! `tmkms yubihsm keys`.

mod delete;
mod export;
mod form;
mod generate;
mod import;
mod list;
mod login;
mod name;
mod proof;
mod verify;

use clap::Subcommand;

use crate::cli::report::Failure;

/// The keys in a device.
#[derive(Subcommand)]
pub(in crate::cli) enum Keys {
    /// List the keys that the configured authentication key may see
    List(list::List),
    /// Make a key in the device, and its backup
    Generate(generate::Generate),
    /// Bring a key into the device: a backup, a priv_validator_key.json, or a seed
    Import(import::Import),
    /// Write the backup of a key
    Export(export::Export),
    /// Prove that a backup holds the key: without a device, or by bringing it into another one
    VerifyBackup(verify::VerifyBackup),
    /// Delete a key from a device, permanently
    Delete(delete::Delete),
}

impl Keys {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(command) => command.run(),
            Self::Generate(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::VerifyBackup(command) => command.run(),
            Self::Delete(command) => command.run(),
        }
    }
}
