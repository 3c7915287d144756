//! `tmkms state init`: begins a watermark where there is none.

use std::path::Path;

use clap::Args;

use crate::consensus::{Height, Hrs};
use crate::gate::store::file::FileStore;
use crate::gate::watermark::Watermark;
use crate::os::clock::{Clock, SystemClock};

use super::evidence;
use super::takeover::running::Quiet;
use super::{ConfigFile, Failure, find, place, status, unusable};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state init -c tmkms.toml mychain-1 --never-signed\n  \
                        tmkms state init -c tmkms.toml cosmoshub-4 --height 21000000   (21000001 is the first to be signed)"
)]
pub(in crate::cli) struct Init {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain id
    chain: String,
    #[command(flatten)]
    from: InitFrom,
    /// Believe it although a state file nearby says more: the chain id again
    #[arg(long, value_name = "CHAIN")]
    insist: Option<String>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct InitFrom {
    /// This key has never signed on this chain
    #[arg(long)]
    never_signed: bool,
    /// Everything up to and including this height is used up
    #[arg(long, value_name = "H", value_parser = clap::value_parser!(i64).range(1..))]
    height: Option<i64>,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let chain = find(&config, &self.chain)?;
        let place = place(chain)?;
        let watermark = match self.from.height.and_then(Height::new) {
            Some(height) => Watermark::UpTo(Hrs::end_of(height)),
            None => Watermark::Never,
        };
        if std::fs::symlink_metadata(&place.path).is_ok() {
            return Err(Failure::new(format!(
                "chain {} has a state file {} already, and it is never overwritten",
                chain.id,
                place.path.display()
            ))
            .hint(format!(
                "look at it with `tmkms state show {}`; if it is another signer's take it over with `tmkms state import {} {}`",
                chain.id, chain.id, place.path.display()
            )));
        }
        let key: Vec<&Path> = chain.key.file().map(|file| file.path).into_iter().collect();
        if let Some(found) = evidence::against(&watermark, &config, chain, &place, &key)
            && self.insist.as_deref() != Some(chain.id.as_str())
        {
            let command = match found.in_key {
                true => {
                    let height = found.said.height.to_string();
                    let words = ["state", "init", chain.id.as_str(), "--height", &height];
                    config.commands.line(words)
                }
                false => config.commands.import(&chain.id, &found.path),
            };
            return Err(evidence::refused(&found, &place, &command.to_string()));
        }
        let quiet = Quiet::own(&config, chain);
        quiet.tell_unseen();
        quiet.check()?;
        FileStore::create(&place, &watermark, SystemClock.now().wall)
            .map_err(|error| unusable(&config, error))?;
        let first = match self.from.height {
            Some(height) => format!("height {height} and all below are used up"),
            None => {
                "nothing is used up; be sure that this key never signed on this chain".to_owned()
            }
        };
        status(
            "Created",
            format!("{} for chain {}: {first}", place.path.display(), chain.id),
        );
        Ok(())
    }
}
