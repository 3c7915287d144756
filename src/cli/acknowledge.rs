//! `tmkms acknowledge`: somebody has seen the refused double signs of a chain.

use clap::Args;

use crate::observe::serve::control::{self, Acknowledgement};

use super::config_file::ConfigFile;
use super::report::{Failure, output};
use super::state::chain::find;
use super::status::{no_service, other_service};

/// Take refused double signs out of sight. The log keeps them, and nothing of what is signed changes.
#[derive(Args)]
#[command(
    visible_alias = "ack",
    after_help = "Examples:\n  tmkms acknowledge cosmoshub-4 -c tmkms.toml\n\n\
                  A double sign that was refused stays at the top of `tmkms status` and of the status page, over all later refusals, until \
                  it is acknowledged or 24 hours have passed."
)]
pub(super) struct Acknowledge {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain
    chain: String,
}

impl Acknowledge {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        find(&config, &self.chain)?;
        let chain = &self.chain;
        let answer = control::tell_acknowledged(chain, &config.control)
            .map_err(|error| no_service(&config, &error))?;
        match answer {
            Acknowledgement::Acknowledged(seen) if seen.is_empty() => output(&format!(
                "{chain}: there is no refused double sign to acknowledge\n"
            )),
            Acknowledgement::Acknowledged(seen) => {
                let lines = seen.iter().map(|conflict| {
                    let line = conflict.line();
                    format!("{chain}: acknowledged: double sign refused, {line}\n")
                });
                output(&lines.collect::<String>())
            }
            Acknowledgement::Error(why) => Err(Failure::new(format!(
                "{chain}: nothing was acknowledged: {why}"
            ))
            .hint(other_service(&config))),
        }
    }
}
