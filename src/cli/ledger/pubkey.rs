//! `tmkms ledger pubkey`.

use clap::Args;

use crate::backends::ledger::find::{Wanted, find};
use crate::consensus::key_text;
use crate::remedy::Commands;

use super::super::report::{Failure, output, status};
use super::transport::{TransportArgs, not_found};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms ledger pubkey\n  tmkms ledger pubkey --path /dev/hidraw3      (one of several)\n\n\
                  A key that is configured is shown by `tmkms keys show`, too, without the device."
)]
pub(in crate::cli) struct Pubkey {
    #[command(flatten)]
    transport: TransportArgs,
    /// The device at this path, as `tmkms ledger list` shows it
    #[arg(long)]
    path: Option<String>,
}

impl Pubkey {
    pub(super) fn run(self) -> Result<(), Failure> {
        let wanted = Wanted {
            public_key: None,
            path: self.path,
        };
        let connector = self.transport.transport.connector();
        let found = find(connector.as_ref(), &wanted)
            .map_err(|error| not_found(error, &Commands::of_any_config()))?;
        let key = found.identity.public_key;
        output(&format!(
            "base64: {}\naddress: {}\ncosmos_json: {}\n",
            key_text::to_base64(&key),
            key.address(),
            key_text::to_json(&key)
        ))?;
        status(
            "Next",
            format!(
                "write `public_key = \"{}\"` into its [[providers.ledgertm]]",
                key_text::to_base64(&key)
            ),
        );
        Ok(())
    }
}
