//! `tmkms state leave`: back to the state file of one host.

use clap::Args;

use crate::cli::report::{Failure, status};
use crate::gate::store::file::{FileStore, inspect};
use crate::terminal::Terminal;

use super::chain::unusable;
use super::height::Sure;
use super::shared::Target;
use crate::migrate::watermarks::shown;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state leave -c tmkms.toml cosmoshub-4             (only this host goes on; all others refuse from their \
                  next vote on)\n  \
                  tmkms state leave -c tmkms.toml cosmoshub-4 --abandon   (the others go on without this host)"
)]
pub(in crate::cli) struct Leave {
    #[command(flatten)]
    target: Target,
    /// The other hosts go on, and this one signs no more; asks nothing of etcd
    #[arg(long)]
    abandon: bool,
    #[command(flatten)]
    sure: Sure,
}

impl Leave {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        if self.abandon {
            return self.abandon(terminal);
        }
        let config = self.target.load()?;
        let mut looked = self.target.look(&config)?;
        let mut file = looked.open(&config)?;
        let local = file.used_up().into_watermark();
        looked.tell(Some(&local));
        looked.sure(self.sure, Some(&local), terminal)?;
        self.target.confirm(
            terminal,
            "Shall only this host sign? All others refuse from their next vote on.",
        )?;
        let target = looked.target(&file);
        looked.change(&mut file, |membership, found| {
            membership.leave(found, &target)
        })?;
        status(
            "Left",
            format!(
                "chain {}: its watermark is in {} again, {}",
                looked.chain.id,
                looked.place.path.display(),
                shown(Some(&target))
            ),
        );
        status(
            "Next",
            format!(
                "remove `store = \"etcd\"` from its [[chain]] in {}, then start",
                config.name
            ),
        );
        Ok(())
    }

    /// What lies here is put aside, because the others sign on.
    fn abandon(&self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let config = self.target.load()?;
        let (chain, mut place) = self.target.chain(&config)?;
        place.shared = true;
        let here = inspect(&place).map_err(|error| unusable(&config, error))?;
        if here.shared.is_none() {
            return Err(Failure::new(format!(
                "the state file {} of chain {} is not shared; nothing was changed",
                place.path.display(),
                chain.id
            )));
        }
        self.target.confirm(
            terminal,
            "Shall this host stop signing for this chain, while the others go on?",
        )?;
        // Locked, so that no service signs while its file goes.
        let file = FileStore::open(&place).map_err(|error| unusable(&config, error))?;
        let aside = file.put_aside().map_err(Failure::new)?;
        status(
            "Abandoned",
            format!(
                "chain {}: its state file is {} now; `{}` takes part again",
                chain.id,
                aside.display(),
                chain.commands.line(["state", "join", chain.id.as_str()])
            ),
        );
        Ok(())
    }
}
