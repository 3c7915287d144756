//! `tmkms yubihsm`.

mod careful;
mod derive;
mod detect;
mod keys;
mod setup;
mod test;
mod which;

use clap::Subcommand;

use super::report::Failure;

/// YubiHSM 2 devices.
#[derive(Subcommand)]
pub(super) enum Yubihsm {
    /// List the YubiHSMs that are plugged in; none is opened or disturbed
    Detect(detect::Detect),
    /// Set a device up from a mnemonic, or compare one with it; ERASES what is not from that mnemonic
    Setup(setup::Setup),
    /// Derive passwords and wrap key from a mnemonic, without a device
    Derive(derive::Derive),
    /// Sign harmless texts with a key and say how long that takes
    Test(test::Test),
    /// The keys in a device
    #[command(subcommand)]
    Keys(keys::Keys),
}

impl Yubihsm {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Detect(command) => command.run(),
            Self::Setup(command) => command.run(),
            Self::Derive(command) => command.run(),
            Self::Test(command) => command.run(),
            Self::Keys(command) => command.run(),
        }
    }
}
