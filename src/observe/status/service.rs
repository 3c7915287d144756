//! The status of the service as a whole.

use crate::text::count::count;

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::chain::ChainStatus;
use super::identity::IdentityStatus;
use super::judgement::probe::{Expected, HealthQuestion, No, probe};

/// The service as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The program's version.
    pub version: String,
    /// The commit it was built from.
    pub commit: String,
    /// The process.
    pub pid: u32,
    /// The name of the host that it runs on.
    #[serde(default)]
    pub host: String,
    /// What the clock of that host shows, in UTC (RFC 3339).
    #[serde(default)]
    pub time: String,
    /// Whole seconds since the start.
    pub uptime_seconds: u64,
    /// The configuration file as it was named.
    pub config: String,
    /// What is wrong with the service itself: its metrics cannot be read. Every chain signs all the same.
    #[serde(default)]
    pub trouble: Option<String>,
    /// Who it is to its nodes; none where all of them are reached by Unix sockets.
    #[serde(default)]
    pub identities: Vec<IdentityStatus>,
    /// The chains, in the order of the file.
    pub chains: Vec<ChainStatus>,
}

impl ServiceStatus {
    /// The same with every chain's [`Condition`](super::Condition), as it follows from the rest.
    pub fn judged(mut self) -> Self {
        self.chains = self.chains.into_iter().map(ChainStatus::judged).collect();
        self
    }

    /// The chains with the worst first; those that are alike in the order of the file.
    pub fn worst_first(&self) -> Vec<&ChainStatus> {
        let mut chains: Vec<&ChainStatus> = self.chains.iter().collect();
        chains.sort_by_key(|chain| {
            let conflict = !chain.conflicts.is_empty();
            // Without a key or state nobody can be answered; without a node nobody asks.
            Reverse((chain.condition, conflict, !chain.armed))
        });
        chains
    }

    /// How many chains can answer a node, or each that cannot and why.
    ///
    /// # Errors
    /// The answer is no for one of them.
    pub fn probe(&self, question: HealthQuestion, asked: &Expected) -> Result<usize, No> {
        let chains = self.chains.iter().map(|chain| {
            let why = question.about_told(chain, asked.names(&chain.id));
            (chain.id.clone(), why)
        });
        probe(chains, asked)
    }

    /// How many of the chains are ready, in words.
    pub fn headline(&self) -> String {
        let ready = self.chains.iter().filter(|chain| chain.not_ready.is_none());
        let paused = self.chains.iter().filter(|chain| {
            let ready = chain.not_ready.is_none();
            ready && chain.paused_now().is_some()
        });
        let paused = match paused.count() {
            0 => String::new(),
            some => format!(", {some} of them paused"),
        };
        let (ready, all) = (ready.count(), count(self.chains.len(), "chain"));
        format!("{ready} of {all} ready{paused}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::conflict::ConflictStatus;
    use super::super::judgement::condition::Condition;
    use super::*;

    #[test]
    fn the_chains_that_need_somebody_most_come_first() {
        let chain = |id: &str, condition, armed, conflicts: usize| ChainStatus {
            id: id.to_owned(),
            condition,
            armed,
            conflicts: vec![ConflictStatus::default(); conflicts],
            ..ChainStatus::default()
        };
        let status = ServiceStatus {
            chains: vec![
                chain("well", Condition::Ready, true, 0),
                chain("a node is gone", Condition::Attention, true, 0),
                chain("unlinked", Condition::NotReady, true, 0),
                chain("refused", Condition::Attention, true, 1),
                chain("no key", Condition::NotReady, false, 0),
                chain("no state", Condition::NotReady, false, 0),
                chain("unlinked and refused", Condition::NotReady, true, 1),
            ],
            ..ServiceStatus::default()
        };
        let order: Vec<&str> = status
            .worst_first()
            .iter()
            .map(|chain| &*chain.id)
            .collect();
        assert_eq!(
            order,
            [
                "unlinked and refused",
                "no key",
                "no state",
                "unlinked",
                "refused",
                "a node is gone",
                "well",
            ]
        );
    }
}
