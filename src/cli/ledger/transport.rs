//! Where Ledgers are, and what to say where none can be used.

use clap::Args;

use crate::backends::ledger::config::LedgerTransport;
use crate::backends::ledger::error::{DeviceFault, FindError};
use crate::backends::ledger::transport::TransportError;
use crate::cli::report::Failure;
use crate::remedy::Commands;

/// Where devices are, for commands that need no configuration.
#[derive(Args)]
pub(super) struct TransportArgs {
    /// Where Ledgers are: hid, or tcp://127.0.0.1:PORT for an emulator on this host
    #[arg(long, value_name = "PLACE", default_value = "hid", value_parser = place)]
    pub(super) transport: LedgerTransport,
}

fn place(text: &str) -> Result<LedgerTransport, String> {
    LedgerTransport::read(text).ok_or_else(|| {
        "expected hid, or tcp://127.0.0.1:PORT for an emulator on this host".to_owned()
    })
}

/// Why no Ledger was used, with the remedy.
pub(super) fn not_found(error: FindError, commands: &Commands) -> Failure {
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
