//! `tmkms state share`: the first host puts its watermark into etcd.

use clap::Args;

use crate::cli::report::{Failure, status};
use crate::terminal::Terminal;

use super::shared::Target;
use crate::migrate::watermarks::shown;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state share -c tmkms.toml cosmoshub-4      (on the host that signs now, with tmkms stopped)\n\n\
                  The [[chain]] must say `store = \"etcd\"`. Other hosts take part with `tmkms state join`."
)]
pub(in crate::cli) struct Share {
    #[command(flatten)]
    target: Target,
}

impl Share {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let config = self.target.load()?;
        let mut looked = self.target.look(&config)?;
        let mut file = looked.open(&config)?;
        let used_up = file.used_up();
        looked.tell(Some(used_up.watermark()));
        let again = file.seen().is_some() || looked.value.is_some();
        let question = match again {
            false => "Is this the only host that has signed with this key?",
            true => {
                "This chain was shared before. Is tmkms stopped on all hosts, and does `tmkms state show` show no higher \
                 position on any of them?"
            }
        };
        self.target.confirm(terminal, question)?;
        looked.change(&mut file, |membership, found| membership.share(found))?;
        status(
            "Shared",
            format!(
                "chain {}: etcd keeps its watermark now, {}",
                looked.chain.id,
                shown(Some(used_up.watermark()))
            ),
        );
        status(
            "Next",
            format!(
                "on each other host: the same [etcd] and `store = \"etcd\"`, then `tmkms state join {}`",
                looked.chain.id
            ),
        );
        Ok(())
    }
}
