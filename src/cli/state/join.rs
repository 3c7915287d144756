//! `tmkms state join`: another host takes part in a chain that is shared.

use clap::Args;

use crate::cli::report::{Failure, status};
use crate::gate::store::etcd::MembershipError;
use crate::gate::store::file::inspect;
use crate::terminal::Terminal;

use super::height::Sure;
use super::shared::Target;
use crate::migrate::watermarks::shown;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms state join -c tmkms.toml cosmoshub-4\n\n\
                  Takes the higher of what etcd holds and what this host knows. Also the way back after etcd was restored \
                  from a snapshot: stop tmkms on all hosts, join on each of them, then start."
)]
pub(in crate::cli) struct Join {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    sure: Sure,
}

impl Join {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let config = self.target.load()?;
        let mut looked = self.target.look(&config)?;
        let here = inspect(&looked.place).ok();
        let local = here.as_ref().map(|here| here.used_up().into_watermark());
        looked.tell(local.as_ref());
        if looked.value.is_none() {
            return Err(super::shared::failed(
                &looked.chain,
                &looked.key,
                MembershipError::NotShared,
            ));
        }
        looked.sure(self.sure, local.as_ref(), terminal)?;
        let again = here.is_some_and(|here| here.shared.is_some());
        let question = match (again, local.is_some()) {
            (true, _) => {
                "This host took part before. Is tmkms stopped on all hosts, and will none start before all have joined?"
            }
            (false, true) => {
                "Does no other signer use this key outside of this etcd, and is tmkms stopped here?"
            }
            (false, false) => "Does no other signer use this key outside of this etcd?",
        };
        self.target.confirm(terminal, question)?;
        let mut file = looked.open_or_create(&config)?;
        let target = looked.target(&file);
        looked.change(&mut file, |membership, found| {
            membership.join(found, &target)
        })?;
        status(
            "Joined",
            format!(
                "chain {}: goes on above {}, with the other hosts",
                looked.chain.id,
                shown(Some(&target))
            ),
        );
        Ok(())
    }
}
