//! `tmkms ledger`.

mod init;
mod list;
mod pubkey;
mod status;

use std::any::Any;

use clap::{Args, Subcommand};

use crate::backends::ledger::LedgerSource;
use crate::backends::ledger::config::LedgerTransport;
use crate::backends::ledger::error::{DeviceFault, FindError};
use crate::backends::ledger::transport::TransportError;
use crate::config::{ChainConfig, Config};
use crate::remedy::{CommandLine, Commands};

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

/// Where devices are, for commands that need no configuration.
#[derive(Args)]
struct Transport {
    /// Where Ledgers are: hid, or tcp://127.0.0.1:PORT for an emulator on this host
    #[arg(long, value_name = "PLACE", default_value = "hid", value_parser = place)]
    transport: LedgerTransport,
}

fn place(text: &str) -> Result<LedgerTransport, String> {
    LedgerTransport::read(text).ok_or_else(|| {
        "expected hid, or tcp://127.0.0.1:PORT for an emulator on this host".to_owned()
    })
}

/// The chains of a configuration whose keys are on Ledgers.
fn chains(config: &Config) -> Result<Vec<(&ChainConfig, &LedgerSource)>, Failure> {
    let found: Vec<_> = config
        .chains
        .iter()
        .filter_map(|chain| {
            let key: &dyn Any = chain.key.as_ref();
            Some((chain, key.downcast_ref::<LedgerSource>()?))
        })
        .collect();
    match found.is_empty() {
        true => Err(
            Failure::usage(format!("{} has no [[providers.ledgertm]]", config.name)).hint(format!(
                "add one with `chain_ids` and the `public_key` that `{}` shows",
                CommandLine::without_config(["ledger", "pubkey"])
            )),
        ),
        false => Ok(found),
    }
}

fn not_found(error: FindError, commands: &Commands) -> Failure {
    let busy = matches!(
        &error,
        FindError::Device {
            reason: DeviceFault::Transport(TransportError::Busy),
            ..
        }
    );
    let failure = Failure::new(error);
    match busy {
        true => failure.hint(format!(
            "the service asks for the height itself, and `{}` says how the Ledger is; stop it to use the Ledger for \
             something else",
            commands.line(["status"])
        )),
        false => failure,
    }
}
