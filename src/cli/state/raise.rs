//! `tmkms state raise`: says that everything up to a height is used up; with a flag that names the danger it lowers.

use std::io::BufRead;

use clap::Args;

use crate::consensus::{Height, Hrs};
use crate::gate::store::Origin;
use crate::gate::store::file::FileStore;
use crate::gate::watermark::Watermark;
use crate::os::clock::{Clock, SystemClock};

use super::{ConfigFile, Failure, find, place, status, unusable};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state raise -c tmkms.toml cosmoshub-4 --height 21000000   (21000001 is the next to be signed)"
)]
pub(in crate::cli) struct Raise {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain id
    chain: String,
    /// Everything up to and including this height is used up
    #[arg(long, value_name = "H", value_parser = clap::value_parser!(i64).range(1..))]
    height: i64,
    /// Lower the watermark; the chain id is read from standard input. Whatever was signed above H may be signed again,
    /// differently, and that is punished with 5 % of all stake
    #[arg(long)]
    i_will_be_slashed: bool,
}

impl Raise {
    pub(super) fn run(self, typed: &mut dyn BufRead) -> Result<(), Failure> {
        let config = self.config.load()?;
        let chain = find(&config, &self.chain)?;
        let store = FileStore::open(&place(chain)?).map_err(|error| unusable(&config, error))?;
        let before = store.used_up().watermark().hrs();
        let height =
            Height::new(self.height).ok_or_else(|| Failure::usage("a height is at least 1"))?;
        let wanted = Hrs::end_of(height);
        if before.is_some_and(|before| before >= wanted) {
            let shown = before.map_or_else(String::new, |before| before.to_string());
            if !self.i_will_be_slashed {
                return Err(Failure::new(format!(
                    "chain {} has used up {shown} already; nothing was changed",
                    chain.id
                ))
                .hint("a watermark is lowered only with `--i-will-be-slashed` and the chain id typed on standard input"));
            }
            status(
                "Danger",
                format!(
                    "chain {} is to be lowered from {shown} to {wanted}; type its chain id:",
                    chain.id
                ),
            );
            let mut line = String::new();
            typed
                .read_line(&mut line)
                .map_err(|error| Failure::new(format!("standard input cannot be read: {error}")))?;
            if line.trim() != chain.id.as_str() {
                return Err(Failure::new(
                    "that is not the chain id; nothing was changed",
                ));
            }
        }
        store
            .set(
                &Watermark::UpTo(wanted),
                Origin::Raised,
                SystemClock.now().wall,
            )
            .map_err(Failure::new)?;
        status("Set", format!("chain {}: used up to {wanted}", chain.id));
        Ok(())
    }
}
