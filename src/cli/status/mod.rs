//! `tmkms status`: asks the running service.

mod exit;
mod shown;

use std::io;

use clap::{ArgGroup, Args};

use crate::config::Config;
use crate::observe::serve::control;
use crate::observe::status::{Expected, HealthQuestion, ServiceStatus};
use crate::text::excerpt::printable;

use super::config_file::ConfigFile;
use super::report::{Failure, output};
use exit::{concluded, probed};
use shown::shown;

/// What the running service does.
#[derive(Args)]
#[command(
    group(ArgGroup::new("question").args(["ready", "armed"])),
    after_help = "Examples:\n  tmkms status -c tmkms.toml\n  tmkms status --json | jq '.chains[] | select(.armed | not) | .id'\n\n\
                  Exit code 0: the service runs and every chain can answer a node, as /ready says over HTTP (with --armed: it is armed, as \
                  /armed says). 1: it does not run, or a chain cannot. A refused double sign is shown first and changes no exit code."
)]
pub(super) struct Status {
    #[command(flatten)]
    config: ConfigFile,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Say only whether every chain can answer a node: armed, and linked
    #[arg(long, conflicts_with = "json")]
    ready: bool,
    /// Say only whether every chain is armed: all that a node needs to begin
    #[arg(long, conflicts_with = "json")]
    armed: bool,
    /// With --ready or --armed: ask only about these chains
    #[arg(
        long,
        value_name = "CHAIN",
        value_delimiter = ',',
        requires = "question"
    )]
    expect: Option<Vec<String>>,
}

impl Status {
    pub(super) fn run(self) -> Result<(), Failure> {
        let question = match (self.ready, self.armed) {
            (true, _) => Some(HealthQuestion::Ready),
            (false, true) => Some(HealthQuestion::Armed),
            (false, false) => None,
        };
        let asked = self.expect.map_or(Ok(Expected::All), Expected::these);
        let asked = asked.map_err(Failure::usage)?;
        let config = self.config.load()?;
        let answer = ask(&config)?;
        if let Some(question) = question {
            return output(&probed(&answer, question, &asked)?);
        }
        if self.json {
            let text = serde_json::to_string_pretty(&answer).map_err(|error| {
                Failure::new(format!("the answer cannot be written as JSON: {error}"))
            })?;
            output(&format!("{text}\n"))?;
        } else {
            output(&printable(&shown(&answer, &config.commands)))?;
        }
        concluded(&answer)
    }
}

/// The running service's answer.
pub(super) fn ask(config: &Config) -> Result<ServiceStatus, Failure> {
    control::ask(&config.control).map_err(|error| no_service(config, &error))
}

/// No service answers at the control socket.
pub(super) fn no_service(config: &Config, error: &io::Error) -> Failure {
    let path = config.control.display();
    Failure::new(format!(
        "no service answers for {} (at {path}: {error})",
        config.name
    ))
    .hint(format!(
        "start it with `{}`; if it runs, ask as the same user and with the same configuration file",
        config.commands.line(["start"])
    ))
}

/// What to do where the service and this command do not mean the same.
pub(super) fn other_service(config: &Config) -> String {
    format!(
        "if the configuration was changed and not reloaded, run `{}`; if the service has another version than this command, \
         restart it",
        config.commands.line(["reload"])
    )
}

/// The service of this configuration, if it runs.
pub(super) fn service_of(config: &Config) -> Option<ServiceStatus> {
    control::ask(&config.control).ok()
}

/// Its process.
pub(super) fn process_of(config: &Config) -> Option<u32> {
    service_of(config).map(|service| service.pid)
}
