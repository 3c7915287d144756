//! `tmkms ledger status`.

use clap::Args;

use crate::backends::ledger::LedgerSource;
use crate::backends::ledger::find::find;
use crate::backends::ledger::limits::{LONGEST_BODY, MessageKind};
use crate::config::ChainConfig;
use crate::consensus::key_text;
use crate::observe::status::ServiceStatus;

use super::super::report::{Failure, output};
use super::chains::chains;
use crate::cli::config_file::ConfigFile;
use crate::cli::status::service_of;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms ledger status -c tmkms.toml\n\nSafe beside a running service, which is asked in that case. Exit code 1 when a \
                  Ledger is in trouble."
)]
pub(in crate::cli) struct Status {
    #[command(flatten)]
    config: ConfigFile,
}

impl Status {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let chains = chains(&config)?;
        let service = service_of(&config);
        let (mut text, mut troubled) = (String::new(), 0);
        for (chain, source) in &chains {
            let (device, trouble) = look(chain, source, service.as_ref());
            troubled += usize::from(trouble);
            text.push_str(&format!(
                "{}: {}\n  device: {device}\n",
                chain.id, source.settings.name
            ));
            for kind in MessageKind::ALL {
                text.push_str(&format!(
                    "  {kind:<50} {:>3} of {LONGEST_BODY} bytes  {}\n",
                    kind.worst(&chain.id),
                    kind.fit(&chain.id)
                ));
            }
            let rest = "vote extensions, raw bytes, rounds above 127";
            text.push_str(&format!("  {rest:<69}REFUSED\n"));
        }
        output(&text)?;
        match troubled {
            0 => Ok(()),
            some => Err(Failure::new(format!(
                "{some} of {} Ledgers in trouble; see above",
                chains.len()
            ))),
        }
    }
}

/// How the device is, and whether that is trouble.
fn look(
    chain: &ChainConfig,
    source: &LedgerSource,
    service: Option<&ServiceStatus>,
) -> (String, bool) {
    let served = service.and_then(|service| {
        let mut chains = service.chains.iter();
        Some((
            service.pid,
            chains.find(|known| known.id == chain.id.as_str())?,
        ))
    });
    if let Some((pid, known)) = served {
        return match &known.trouble {
            Some(trouble) => (
                format!("in service (process {pid}), in trouble: {trouble}"),
                true,
            ),
            None => (format!("in service (process {pid}), ready to sign"), false),
        };
    }
    match find(source.settings.connector.as_ref(), &source.settings.wanted) {
        Ok(found) => (
            format!(
                "{} at {}, Tendermint {}, key {}; whether it remembers a height shows at the start",
                found.info.model,
                found.info.path,
                found.identity.version,
                key_text::to_base64(&found.identity.public_key)
            ),
            false,
        ),
        Err(error) => (error.to_string(), true),
    }
}
