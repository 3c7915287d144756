//! `tmkms ledger list`.

use clap::Args;

use crate::backends::ledger::find::survey;
use crate::consensus::key_text;
use crate::remedy::Commands;

use super::super::report::{Failure, columns, output, status};
use super::transport::{TransportArgs, not_found};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms ledger list\n  tmkms ledger list --transport tcp://127.0.0.1:9999      (an emulator)"
)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    transport: TransportArgs,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let connector = self.transport.transport.connector();
        let found = survey(connector.as_ref())
            .map_err(|error| not_found(error, &Commands::of_any_config()))?;
        if found.is_empty() {
            return Err(Failure::new("no Ledger is plugged in").hint(
                "unlock it and open its Tendermint app; this shows Ledgers of every user, so none is hidden by permissions",
            ));
        }
        let mut rows = vec![
            ["MODEL", "PATH", "APP", "PUBLIC KEY"]
                .map(str::to_owned)
                .to_vec(),
        ];
        let mut problems = Vec::new();
        for (info, identity) in found {
            let (app, key) = match identity {
                Ok(identity) => (
                    format!("Tendermint {}", identity.version),
                    key_text::to_base64(&identity.public_key),
                ),
                Err(reason) => {
                    problems.push(format!("{}: {reason}", info.path));
                    ("-".to_owned(), "-".to_owned())
                }
            };
            rows.push(vec![info.model, info.path, app, key]);
        }
        output(&columns(&rows))?;
        for problem in problems {
            status("Problem", problem);
        }
        Ok(())
    }
}
