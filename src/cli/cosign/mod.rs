//! `tmkms cosign`: shards of a key that several hosts signed with together.

mod recover;
mod shards;
mod verify;

use clap::Subcommand;

use super::report::Failure;

/// Shards of a key: do they belong together, and the key that they are of
#[derive(Subcommand)]
pub(super) enum Cosign {
    /// Say whether shards of horcrux belong together, and how many of them give the key
    Verify(verify::Verify),
    /// Put shards of horcrux together to the key that they are of
    Recover(recover::Recover),
}

impl Cosign {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Verify(command) => command.run(),
            Self::Recover(command) => command.run(),
        }
    }
}
