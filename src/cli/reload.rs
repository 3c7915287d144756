//! `tmkms reload`: the running service reads its configuration again.

use std::io::ErrorKind;
use std::path::Path;

use clap::Args;

use crate::config::Config;
use crate::observe::serve::control;
use crate::threads::ReloadAnswer;

use super::config_file::ConfigFile;
use super::report::{Failure, output};
use super::status::no_service;

/// Let the running service follow its configuration as it is now.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms reload -c /etc/tmkms/tmkms.toml\n  systemctl reload tmkms\n\n\
                  Chains that nothing was changed of go on without a pause. A configuration with an error changes nothing: it is \
                  shown, and the exit code is 2. It is 1 where the new one is followed and a chain of it does not sign yet. \
                  `control_socket`, `state_file`, `store`, `lock_dir`, `allow_ephemeral_state` and [etcd] are read at the start only."
)]
pub(super) struct Reload {
    #[command(flatten)]
    config: ConfigFile,
}

impl Reload {
    pub(super) fn run(self) -> Result<(), Failure> {
        // What is wrong with it is shown here as everywhere; the service would only say so in one line.
        let config = self.config.load()?;
        let answer =
            control::tell_reload(Path::new(&config.name), &config.control).map_err(|error| {
                match error.kind() {
                    ErrorKind::UnexpectedEof => ended(&config),
                    _ => no_service(&config, &error),
                }
            })?;
        match answer {
            ReloadAnswer::Done { changes, troubles } => {
                let mut text: String = changes.iter().map(|change| format!("{change}\n")).collect();
                if changes.is_empty() {
                    text = "nothing is different\n".to_owned();
                }
                output(&text)?;
                match troubles.as_slice() {
                    [] => Ok(()),
                    troubles => Err(Failure::new(format!(
                        "the configuration is followed, but: {}",
                        troubles.join("; ")
                    ))
                    .hint("what is corrected later is noticed by itself, within 5 s")),
                }
            }
            ReloadAnswer::Refused(why) => {
                Err(Failure::usage(format!("nothing was changed: {why}")))
            }
            ReloadAnswer::Busy => Err(Failure::new(
                "the service did not get to it: it is reading its configuration already, or is about to end",
            )
            .hint(format!(
                "`{}` says how it is; then try again",
                config.commands.line(["status"])
            ))),
        }
    }
}

/// The service was there and is not any more.
fn ended(config: &Config) -> Failure {
    Failure::new(format!(
        "the service that follows {} ended before it said what became of the reload",
        config.name
    ))
    .hint(format!(
        "its log says why it ended; the next one follows the file as it is now: `{}`",
        config.commands.line(["start"])
    ))
}
