//! `tmkms state raise`: raises the watermark to a height; with a flag that names the danger it lowers.

use clap::Args;

use crate::cli::config_file::ConfigFile;
use crate::cli::report::{Failure, status};
use crate::consensus::{ChainId, Height, Hrs};
use crate::gate::store::Origin;
use crate::gate::store::file::FileStore;
use crate::gate::watermark::Watermark;
use crate::os::clock::{Clock, SystemClock};
use crate::service::store_of;
use crate::terminal::Terminal;

use super::chain::{WhichKey, unusable};
use super::height::{HeightSource, Sure};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state raise -c tmkms.toml cosmoshub-4 --height 21000000   (21000001 is the next to be signed)"
)]
pub(in crate::cli) struct Raise {
    #[command(flatten)]
    config: ConfigFile,
    /// The chain id
    chain: String,
    #[command(flatten)]
    key: WhichKey,
    /// Nothing at or below this height will be signed. Where the watermark is there already nothing is changed
    #[arg(long, value_name = "H", value_parser = clap::value_parser!(i64).range(1..))]
    height: i64,
    #[command(flatten)]
    sure: Sure,
    /// Lower the watermark; the chain id is read from standard input. Whatever was signed above H may be signed again,
    /// differently, and that is punished with 5 % of all stake
    #[arg(long)]
    i_will_be_slashed: bool,
}

impl Raise {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let config = self.config.load()?;
        let (chain, place) = self.key.of(&config, &self.chain)?;
        let chain = &chain;
        let file = FileStore::open(&place).map_err(|error| unusable(&config, error))?;
        let before = file.used_up().watermark().hrs();
        let (mut store, shared) = store_of(chain, &place, file).map_err(Failure::new)?;
        // Other hosts' watermark counts, too.
        let before = match shared.is_some() {
            true => store
                .load()
                .map_err(Failure::new)?
                .used_up()
                .watermark()
                .hrs(),
            false => before,
        };
        let height =
            Height::new(self.height).ok_or_else(|| Failure::usage("a height is at least 1"))?;
        let wanted = Hrs::end_of(height);
        match before.filter(|before| *before >= wanted) {
            Some(before) if before == wanted => {
                // As after a change: without its mark no more than a take-over is needed.
                let _ = store.close();
                status(
                    "Kept",
                    format!(
                        "chain {}: the watermark is already at {before}; nothing was changed",
                        chain.id
                    ),
                );
                return Ok(());
            }
            Some(before) if shared.is_some() => {
                return Err(Failure::new(format!(
                    "the watermark of chain {} is already at {before}, above height {height}, on all hosts that share it; nothing was changed",
                    chain.id
                ))
                .hint("there is nothing to raise; a shared watermark is never lowered"));
            }
            Some(before) => self.lower(&chain.id, before, wanted, terminal)?,
            None => {
                let known = before.map(|before| before.height);
                self.sure
                    .of(height, HeightSource::Typed, known, &chain.id, terminal)?;
            }
        }
        store
            .rebuild(
                &Watermark::UpTo(wanted),
                Origin::Raised,
                SystemClock.now().wall,
            )
            .map_err(Failure::new)?;
        // Without its mark a change of owner or mode needs a take-over, and no more than that.
        let _ = store.close();
        status("Set", format!("chain {}: watermark at {wanted}", chain.id));
        Ok(())
    }

    /// Asks whether the watermark may go down.
    fn lower(
        &self,
        chain: &ChainId,
        before: Hrs,
        wanted: Hrs,
        terminal: &mut dyn Terminal,
    ) -> Result<(), Failure> {
        if !self.i_will_be_slashed {
            return Err(Failure::new(format!(
                "the watermark of chain {chain} is already at {before}, above height {}; nothing was changed",
                wanted.height
            ))
            .hint("there is nothing to raise. A watermark is lowered only with `--i-will-be-slashed` and the chain id typed on standard input"));
        }
        status(
            "Danger",
            format!("chain {chain} is to be lowered from {before} to {wanted}"),
        );
        let typed = terminal
            .ask("Type its chain id:")
            .map_err(|error| Failure::new(format!("standard input cannot be read: {error}")))?;
        match typed.is_some_and(|typed| typed.trim() == chain.as_str()) {
            true => Ok(()),
            false => Err(Failure::new(
                "that is not the chain id; nothing was changed",
            )),
        }
    }
}
