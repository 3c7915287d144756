//! `tmkms cosign`: shares of a key, of which several are needed.

mod decrypt;
mod encrypt;
mod import;
mod member_folder;
mod recover;
mod shards;
mod split;
mod status;
mod verify;

use clap::Subcommand;

use super::report::Failure;
use crate::terminal::Console;

/// Shares of a key: split it, say whether they belong together, put them together again, see which members are there
#[derive(Subcommand)]
pub(super) enum Cosign {
    /// Split a key, or a new one, into shares
    Split(split::Split),
    /// Bring a shard of horcrux into the form of this program
    Import(import::ImportShard),
    /// Say whether shares belong together, how many of them give the key, and what their public halves are
    Verify(verify::Verify),
    Status(status::CosignStatus),
    /// Put a share into a new file, encrypted with a passphrase
    Encrypt(encrypt::EncryptShare),
    /// Put an encrypted share into a new file that needs no passphrase
    Decrypt(decrypt::DecryptShare),
    /// Put shares together to the key that they are of
    Recover(recover::Recover),
}

impl Cosign {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Split(command) => command.run(&mut Console),
            Self::Import(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Encrypt(command) => command.run(&mut Console),
            Self::Decrypt(command) => command.run(&mut Console),
            Self::Recover(command) => command.run(),
        }
    }
}
