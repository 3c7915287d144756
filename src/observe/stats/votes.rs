//! What the signed votes were for: a block or none, and in which round of their height. Of a fixed size.

use crate::consensus::{Hrs, Round, Step};
use crate::events::RequestKind;

/// The two kinds of votes, in the order in which they are counted.
const KINDS: [RequestKind; 2] = [RequestKind::Prevote, RequestKind::Precommit];

/// What a vote is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VotedFor {
    /// A block.
    Block,
    /// None: the node had no block in time, or not the one that the others locked.
    Nil,
}

impl VotedFor {
    /// Both, in the order in which they are counted.
    pub const ALL: [Self; 2] = [Self::Block, Self::Nil];

    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Nil => "nil",
        }
    }
}

/// The round of a vote, as far as anybody looks at it: a label must not have as many values as a stranger likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundBand {
    /// Round 0: the height went as it should.
    First,
    /// Round 1: one proposal failed.
    Second,
    /// Any later one.
    Later,
}

impl RoundBand {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 3] = [Self::First, Self::Second, Self::Later];

    /// Where a round lies.
    pub fn of(round: Round) -> Self {
        match round.get() {
            0 => Self::First,
            1 => Self::Second,
            _ => Self::Later,
        }
    }

    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::First => "0",
            Self::Second => "1",
            Self::Later => "2+",
        }
    }
}

/// Signed votes by kind, by what they are for and by round. One that is given again does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Votes([[[u64; RoundBand::ALL.len()]; VotedFor::ALL.len()]; KINDS.len()]);

impl Votes {
    /// Counts a vote; a proposal is none.
    pub fn signed(&mut self, hrs: &Hrs, voted_for: VotedFor) {
        let kind = match hrs.step {
            Step::Propose => return,
            Step::Prevote => 0,
            Step::Precommit => 1,
        };
        let row = self
            .0
            .get_mut(kind)
            .and_then(|row| row.get_mut(voted_for as usize));
        if let Some(count) = row.and_then(|row| row.get_mut(RoundBand::of(hrs.round) as usize)) {
            *count = count.saturating_add(1);
        }
    }

    /// Each number with what it counts.
    pub fn all(&self) -> impl Iterator<Item = (RequestKind, VotedFor, RoundBand, u64)> + '_ {
        KINDS.into_iter().zip(&self.0).flat_map(|(kind, row)| {
            VotedFor::ALL
                .into_iter()
                .zip(row)
                .flat_map(move |(voted_for, row)| {
                    let counts = RoundBand::ALL.into_iter().zip(row);
                    counts.map(move |(band, count)| (kind, voted_for, band, *count))
                })
        })
    }

    /// How many there are of which this is true.
    pub fn count(&self, is: impl Fn(RequestKind, VotedFor, RoundBand) -> bool) -> u64 {
        let wanted = self
            .all()
            .filter(|(kind, voted_for, band, _)| is(*kind, *voted_for, *band));
        wanted.fold(0, |sum, (.., count)| sum.saturating_add(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::Height;

    fn at(round: i32, step: Step) -> Hrs {
        Hrs {
            height: Height::FIRST,
            round: Round::new(round).unwrap(),
            step,
        }
    }

    #[test]
    fn a_vote_is_counted_once_under_its_kind_its_block_and_its_round() {
        let mut votes = Votes::default();
        votes.signed(&at(0, Step::Propose), VotedFor::Block);
        assert_eq!(votes, Votes::default(), "a proposal is no vote");
        for (round, step, voted_for) in [
            (0, Step::Prevote, VotedFor::Block),
            (0, Step::Precommit, VotedFor::Nil),
            (1, Step::Prevote, VotedFor::Nil),
            (2, Step::Prevote, VotedFor::Block),
            (10_000, Step::Prevote, VotedFor::Block),
        ] {
            votes.signed(&at(round, step), voted_for);
        }
        let found = votes.all().filter(|(.., count)| *count > 0);
        let found: Vec<_> = found
            .map(|(kind, voted_for, band, count)| {
                (kind.word(), voted_for.word(), band.word(), count)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("prevote", "block", "0", 1),
                ("prevote", "block", "2+", 2),
                ("prevote", "nil", "1", 1),
                ("precommit", "nil", "0", 1),
            ]
        );
        assert_eq!(votes.all().count(), 12, "however many rounds there are");
        assert_eq!(votes.count(|_, voted_for, _| voted_for == VotedFor::Nil), 2);
        assert_eq!(votes.count(|_, _, band| band != RoundBand::First), 3);
    }
}
