//! What the votes of a chain were, told.

use serde::{Deserialize, Serialize};

use crate::events::RequestKind;
use crate::observe::stats::chain::ChainSnapshot;
use crate::observe::stats::votes::{RoundBand, VotedFor};
use crate::text::count::count;

/// Signed votes of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteCount {
    /// For a block.
    pub block: u64,
    /// For none.
    pub nil: u64,
}

/// What the requests of a chain were, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VotesStatus {
    /// Prevotes signed.
    pub prevotes: VoteCount,
    /// Precommits signed.
    pub precommits: VoteCount,
    /// Votes of both kinds in round 1 or a later one.
    pub above_round_0: u64,
    /// Proposals that were asked for, whatever became of them.
    pub proposals_asked: u64,
    /// How often the public key was asked for.
    pub public_key_asked: u64,
    /// Signatures that were ready too late and did not leave.
    pub late: u64,
    /// All signatures that were made or given again, these included.
    pub answers: u64,
}

impl From<&ChainSnapshot> for VotesStatus {
    fn from(snapshot: &ChainSnapshot) -> Self {
        let of = |kind: RequestKind| {
            let of = |wanted: VotedFor| {
                let votes = &snapshot.votes;
                votes.count(|its, voted_for, _| its == kind && voted_for == wanted)
            };
            VoteCount {
                block: of(VotedFor::Block),
                nil: of(VotedFor::Nil),
            }
        };
        let (late, answers) = snapshot.late();
        Self {
            prevotes: of(RequestKind::Prevote),
            precommits: of(RequestKind::Precommit),
            above_round_0: snapshot.votes.count(|_, _, band| band != RoundBand::First),
            proposals_asked: snapshot.asked(RequestKind::Proposal),
            public_key_asked: snapshot.public_key,
            late,
            answers,
        }
    }
}

impl VotesStatus {
    /// In a few lines, for people; none where nothing was asked for.
    pub fn lines(&self) -> Vec<String> {
        let all = |votes: VoteCount| votes.block.saturating_add(votes.nil);
        let votes = all(self.prevotes).saturating_add(all(self.precommits));
        let mut lines = Vec::new();
        if votes > 0 {
            lines.push(format!(
                "nil: {}, {}",
                share(self.prevotes.nil, all(self.prevotes), "prevote"),
                share(self.precommits.nil, all(self.precommits), "precommit"),
            ));
        }
        if votes > 0 || self.proposals_asked > 0 || self.public_key_asked > 0 {
            lines.push(format!(
                "above round 0: {}; asked for: {}, the public key {}",
                share(self.above_round_0, votes, "vote"),
                count(self.proposals_asked, "proposal"),
                count(self.public_key_asked, "time"),
            ));
        }
        if self.late > 0 {
            let late = share(self.late, self.answers, "signature");
            lines.push(format!("too late: {late}"));
        }
        lines
    }
}

/// So many of so many, with the share where that is not none.
fn share(some: u64, all: u64, what: &str) -> String {
    let of = format!("{some} of {}", count(all, what));
    match some as f64 * 100.0 / all.max(1) as f64 {
        0.0 => of,
        percent if percent < 0.01 => format!("{of} (< 0.01 %)"),
        percent => format!("{of} ({percent:.2} %)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_had_no_vote_has_no_line() {
        assert!(VotesStatus::default().lines().is_empty());
    }

    #[test]
    fn the_lines_say_how_many_of_how_many() {
        let status = VotesStatus {
            prevotes: VoteCount { block: 99, nil: 1 },
            precommits: VoteCount { block: 1, nil: 0 },
            above_round_0: 2,
            proposals_asked: 1,
            public_key_asked: 3,
            late: 1,
            answers: 102_000,
        };
        assert_eq!(
            status.lines(),
            [
                "nil: 1 of 100 prevotes (1.00 %), 0 of 1 precommit",
                "above round 0: 2 of 101 votes (1.98 %); asked for: 1 proposal, the public key 3 times",
                "too late: 1 of 102000 signatures (< 0.01 %)",
            ]
        );
    }
}
