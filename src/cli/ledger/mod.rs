//! `tmkms ledger`.

mod chains;
mod init;
mod list;
mod pubkey;
mod status;
mod transport;

use clap::Subcommand;

use super::report::Failure;

/// Ledgers with the Tendermint app.
#[derive(Subcommand)]
pub(super) enum Ledger {
    /// List the Ledgers that are plugged in, with their apps and keys
    List(list::List),
    /// Show the public key of the Ledger that is plugged in, and the line for the configuration
    Pubkey(pubkey::Pubkey),
    /// Say how the configured Ledgers are, and which messages of their chains they can sign
    Status(status::Status),
    /// Tell a Ledger its first height, and wait for the button
    Init(init::Init),
}

impl Ledger {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(command) => command.run(),
            Self::Pubkey(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Init(command) => command.run(),
        }
    }
}
