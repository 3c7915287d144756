//! `tmkms keys`.

mod peer_id;
mod show;

use clap::Subcommand;

use super::report::Failure;

/// The configured keys.
#[derive(Subcommand)]
pub(super) enum Keys {
    /// Show the public half of every configured key, and of the identity keys of its links
    Show(show::Show),
    /// Show by which ids nodes know this signer, and the line of each node's config.toml
    PeerId(peer_id::OfLinks),
}

impl Keys {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Show(command) => command.run(),
            Self::PeerId(command) => command.run(),
        }
    }
}
