//! `tmkms state move out`: seals a chain's state here and makes the bundle that arms another host.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, status};
use crate::cli::state::chain::{find, place, unusable};
use crate::config::{ChainConfig, Config};
use crate::migrate::moving::bundle::Bundle;
use crate::migrate::moving::bundle_file::Reserved;
use crate::migrate::moving::out::{HandedOver, MoveOutError, move_out};
use crate::migrate::moving::terms::Terms;
use crate::migrate::watermarks::shown;
use crate::observe::serve::control::{self, MoveAnswer};
use crate::os::clock::{Clock, SystemClock};
use crate::remedy::Commands;
use crate::text::date::Date;

use super::etcd::not_in_etcd;
use super::one_key::has_one_key;
use super::paused::paused;
use super::service;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state move out -c tmkms.toml cosmoshub-4 cosmoshub-4.bundle\n\n\
                  The state is sealed before the bundle is written; repeat the command if it was interrupted, and the same bundle is \
                  written again. The bundle holds no key."
)]
pub(in crate::cli) struct Out {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain id
    chain: String,
    /// The bundle to make; never overwritten
    file: PathBuf,
}

impl Out {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let chain = find(&config, &self.chain)?;
        has_one_key(chain)?;
        not_in_etcd(&config, chain)?;
        // All that can go wrong with the file does so before the state is sealed.
        let file = Reserved::at(&self.file)
            .map_err(|error| Failure::new(format!("nothing was changed: {error}")))?;
        let handed = hand_over(&config, chain)?;
        let (bundle, moved) = (&handed.bundle, handed.bundle.moved);
        let at = Date::of(std::time::Duration::from_secs(moved.at));
        status(
            "Sealed",
            match handed.again {
                false => format!(
                    "chain {}: handed over at {at}, to bundle {}; this host signs no more for it",
                    chain.id, moved.bundle
                ),
                true => format!(
                    "chain {}: it was handed over at {at} already, to bundle {}, which is written again",
                    chain.id, moved.bundle
                ),
            },
        );
        file.write(&handed.text).map_err(|error| {
            Failure::new(format!(
                "chain {} is handed over, and its bundle could not be written: {error}",
                chain.id
            ))
            .hint(format!(
                "nothing is lost: `{}` writes the same bundle again",
                config.commands.move_out(&chain.id, Path::new("FILE"))
            ))
        })?;
        status(
            "Wrote",
            format!(
                "{}: chain {}, watermark {}",
                self.file.display(),
                chain.id,
                shown(Some(&bundle.watermark))
            ),
        );
        status(
            "Next",
            format!(
                "copy it to the other host, which has the key with the address {}, and take it in there with `{}`",
                bundle.public_key.address(),
                Commands::of_any_config().move_in(Path::new("FILE"))
            ),
        );
        if service::has(&config, chain) {
            status(
                "Then",
                format!(
                    "if the other host dials the same node, remove the [[chain]] here and run `{}`, or stop the service if it has no \
                     other chain: a node takes one signer at a time, and is linked to this one until then",
                    config.commands.line(["reload"])
                ),
            );
        }
        if let Some(pause) = paused(&config, chain) {
            status(
                "Note",
                format!(
                    "chain {} is {pause}; that stays here, and the other host signs as soon as it has the bundle",
                    chain.id
                ),
            );
        }
        status(
            "Careful",
            "take it in on one host: no host can know of a bundle that was taken in on two, and two signers with one key will \
             double-sign; etcd keeps two hosts apart (docs/two-hosts.md)",
        );
        Ok(())
    }
}

/// Has the state sealed, by the service where it runs.
fn hand_over(config: &Config, chain: &ChainConfig) -> Result<HandedOver, Failure> {
    if service::has(config, chain) {
        return in_the_service(config, chain);
    }
    let place = place(chain)?;
    move_out(&place, Terms::of(chain), SystemClock.now().wall).map_err(|error| match error {
        MoveOutError::State(error) => unusable(config, error),
        other => Failure::new(format!("chain {} was not handed over: {other}", chain.id)),
    })
}

fn in_the_service(config: &Config, chain: &ChainConfig) -> Result<HandedOver, Failure> {
    let silent = |error| service::silent(config, chain, &error);
    let answer = control::tell_move_out(chain.id.as_str(), &config.control).map_err(silent)?;
    match answer {
        MoveAnswer::HandedOver {
            bundle: text,
            again,
        } => Ok(HandedOver {
            bundle: Bundle::parse(text.as_bytes()).map_err(|_| silent(service::other_version()))?,
            text,
            again,
        }),
        MoveAnswer::Error(why) => Err(service::refused(chain, &why)),
        MoveAnswer::TakenIn { .. } => Err(silent(service::other_version())),
    }
}
