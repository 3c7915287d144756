//! `tmkms acknowledge`: somebody has seen the refused double signs of a chain, or a second signer with its key.

use clap::Args;

use crate::observe::serve::control::{self, AcknowledgedSights, Acknowledgement};

use super::config_file::ConfigFile;
use super::report::{Failure, output};
use super::state::chain::find;
use super::status::{no_service, other_service};

/// Take refused double signs, and a second signer that was noticed, out of sight. The log keeps them, and nothing of what is signed
/// changes.
#[derive(Args)]
#[command(
    visible_alias = "ack",
    after_help = "Examples:\n  tmkms acknowledge cosmoshub-4 -c tmkms.toml\n\n\
                  A double sign that was refused stays at the top of `tmkms status` and of the status page, over all later refusals, until \
                  it is acknowledged or 24 hours have passed. A second signer that was seen in the commits stays there until it is acknowledged; \
                  a chain that was paused because of it stays paused until `tmkms resume`."
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
            Acknowledgement::Acknowledged(seen) if seen == AcknowledgedSights::default() => {
                output(&format!(
                    "{chain}: there is no refused double sign or second signer to acknowledge\n"
                ))
            }
            Acknowledgement::Acknowledged(seen) => {
                let lines = seen.conflicts.iter().map(|conflict| {
                    let line = conflict.line();
                    format!("{chain}: acknowledged: double sign refused, {line}\n")
                });
                let second = seen.second_signer_height.map(|height| {
                    format!("{chain}: acknowledged: another signer had this key, and signed at height {height}\n")
                });
                output(&lines.chain(second).collect::<String>())
            }
            Acknowledgement::Error(why) => Err(Failure::new(format!(
                "{chain}: nothing was acknowledged: {why}"
            ))
            .hint(other_service(&config))),
        }
    }
}
