//! `tmkms ledger init`: tells the device where a chain stands, in a message that is worth nothing to anybody.
//!
//! A signed height far ahead would silence the device until its app is closed, so heights are bounded as requests are
//! (W11).

use std::time::{Duration, Instant};

use clap::Args;

use crate::backends::ledger::LedgerSource;
use crate::backends::ledger::apdu::harmless;
use crate::backends::ledger::error::DeviceFault;
use crate::backends::ledger::find::{FoundLedger, find};
use crate::config::ChainConfig;
use crate::consensus::{Height, PublicKey};
use crate::gate::heights::plausible::Claim;
use crate::gate::store::file::inspect;
use crate::os::clock::{Clock, SystemClock};

use super::super::report::{Failure, status};
use super::chains::chains;
use super::transport::not_found;
use crate::cli::config_file::ConfigFile;

/// An answer that takes longer waits for the button.
const QUICK: Duration = Duration::from_secs(1);

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms ledger init -H 21000000\n  tmkms ledger init -H 21000000 -r 2 cosmoshub-4\n\n\
                  `tmkms start` does this by itself, with the height of the chain's state. The message that is signed names \
                  no chain, no block and no time, so nobody can use it."
)]
pub(in crate::cli) struct Init {
    #[command(flatten)]
    config: ConfigFile,
    /// The height; votes at it and above are signed from then on
    #[arg(short = 'H', long, value_parser = clap::value_parser!(i64).range(1..))]
    height: i64,
    /// The round
    #[arg(short, long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=127))]
    round: u8,
    /// How many seconds to wait for the button
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: u64,
    /// The chain id, where several chains have Ledgers
    chain: Option<String>,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let chains = chains(&config)?;
        let named = |id: &str| chains.iter().find(|(chain, _)| chain.id.as_str() == id);
        let (chain, source) = match (&self.chain, chains.as_slice()) {
            (Some(id), _) => named(id).ok_or_else(|| {
                Failure::usage(format!("no [[providers.ledgertm]] signs for chain {id}"))
            })?,
            (None, [only]) => only,
            (None, _) => {
                return Err(Failure::usage("several chains have Ledgers")
                    .hint("name the chain behind the options"));
            }
        };
        let found = find(source.settings.connector.as_ref(), &source.settings.wanted)
            .map_err(|error| not_found(error, &config.commands))?;
        self.within_reach(chain, found.identity.public_key.clone())?;
        self.tell(source, found)
    }

    /// W11, as for a request.
    fn within_reach(&self, chain: &ChainConfig, public_key: PublicKey) -> Result<(), Failure> {
        let place = chain.place(public_key);
        let used_up = inspect(&place).map_err(Failure::new)?.used_up();
        let last = used_up.watermark().height();
        let allowed = used_up.reach(chain.gate.rate, SystemClock.now().wall);
        let ahead = u64::try_from(self.height.saturating_sub(last)).unwrap_or(0);
        if ahead <= allowed {
            return Ok(());
        }
        let far = Failure::new(format!(
            "height {} is {ahead} above the watermark of chain {} ({last}), where {allowed} are possible by now; the \
             Ledger would refuse everything below it until its app is closed",
            self.height, chain.id
        ));
        let known = used_up.watermark().hrs().map(|hrs| hrs.height);
        let claim = Height::new(self.height).map(|height| Claim::of(height, known));
        Err(far.hint(match claim {
            Some(Claim::Plausible) => format!(
                "correct the height; if it is right, raise the state first with `{}`",
                chain.commands.raise(&chain.id, self.height)
            ),
            _ => "correct the height: the chain cannot be there".to_owned(),
        }))
    }

    fn tell(&self, source: &LedgerSource, found: FoundLedger) -> Result<(), Failure> {
        let FoundLedger {
            mut app,
            info,
            identity,
        } = found;
        let failed =
            |reason: DeviceFault| Failure::new(format!("the Ledger at {}: {reason}", info.path));
        let message = harmless(self.height, self.round);
        app.ask_signature(&message).map_err(failed)?;
        let began = Instant::now();
        let mut told = false;
        while began.elapsed() < Duration::from_secs(self.wait) {
            match app.signature(Duration::from_millis(50)) {
                Ok(Some(signature)) if !identity.public_key.verify(&message, &signature) => {
                    return Err(failed(DeviceFault::WrongSignature {
                        key: identity.public_key,
                        compare: source.settings.connector.command("pubkey"),
                    }));
                }
                Ok(Some(_)) => {
                    let place = format!("height {}, round {}", self.height, self.round);
                    status(
                        "Set",
                        match told {
                            true => format!("the Ledger begins at {place}"),
                            false => format!("the Ledger was begun before; it is at {place} now"),
                        },
                    );
                    return Ok(());
                }
                Err(DeviceFault::NotAbove) => {
                    status(
                        "Unchanged",
                        format!(
                            "the Ledger is at height {}, round {} or above already; to go back, close its app and open it again",
                            self.height, self.round
                        ),
                    );
                    return Ok(());
                }
                Err(DeviceFault::Rejected) => {
                    return Err(Failure::new(
                        "the left button was pressed: the Ledger has begun nowhere",
                    ));
                }
                Err(reason) => return Err(failed(reason)),
                Ok(None) => {}
            }
            if !told && began.elapsed() >= QUICK {
                told = true;
                status(
                    "Confirm",
                    format!(
                        "if the Ledger shows \"Init validation\", \"Height: {}\", \"Round: {:03}\", press its right button",
                        self.height, self.round
                    ),
                );
            }
        }
        Err(
            Failure::new(format!("no button was pressed within {} s", self.wait)).hint(
                "the Ledger still asks, and answers nothing else until a button is pressed or it is unplugged",
            ),
        )
    }
}
