//! What became of our votes, height by height: totals, and the last hundred. Of a fixed size.

use std::collections::VecDeque;

use crate::consensus::Height;

/// How many heights are looked back at.
pub const WINDOW: usize = 100;
/// How many heights are kept by name at which a vote was signed and is not in the commit.
const KEPT: usize = 20;

/// What our gate did at a height, as far as this process knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateVote {
    /// It signed a precommit for a block.
    Block,
    /// It did not, or that was before this process or too long ago.
    NotKnown,
}

/// What became of our vote at a committed height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteOutcome {
    /// It is in the commit, for the block.
    Committed,
    /// It is in the commit, for no block.
    Nil,
    /// A precommit for a block was signed here, and the commit lacks it.
    Uncommitted,
    /// The commit lacks it, and nothing is known here of a signature.
    Absent,
    /// We were not in the validator set.
    Outside,
}

impl VoteOutcome {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Committed,
        Self::Nil,
        Self::Uncommitted,
        Self::Absent,
        Self::Outside,
    ];

    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Nil => "nil",
            Self::Uncommitted => "uncommitted",
            Self::Absent => "absent",
            Self::Outside => "outside",
        }
    }

    /// Whether the chain counts this height as missed.
    pub fn is_missed(self) -> bool {
        matches!(self, Self::Uncommitted | Self::Absent)
    }
}

/// What became of our votes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The first height that counts in the totals; 0 before that is known.
    pub first: i64,
    /// The newest height that was judged.
    pub newest: i64,
    totals: [u64; VoteOutcome::ALL.len()],
    /// Missed heights in a row, up to the newest.
    pub in_a_row: u64,
    window: VecDeque<(i64, VoteOutcome)>,
    uncommitted: VecDeque<i64>,
}

impl Tally {
    pub(super) fn note(&mut self, height: Height, outcome: VoteOutcome) {
        let height = height.get();
        self.newest = height;
        self.in_a_row = match outcome.is_missed() {
            true => self.in_a_row.saturating_add(1),
            false => 0,
        };
        push(&mut self.window, WINDOW, (height, outcome));
        if outcome == VoteOutcome::Uncommitted {
            push(&mut self.uncommitted, KEPT, height);
        }
        if let Some(total) = self.totals.get_mut(outcome as usize)
            && height >= self.first
        {
            *total = total.saturating_add(1);
        }
    }

    /// The chain is at this height, and what was noted of heights above it was never there.
    pub(super) fn back_to(&mut self, tip: i64) {
        self.first = self.first.min(tip.max(1));
        self.newest = self.newest.min(tip);
        self.in_a_row = 0;
        self.window.retain(|(height, _)| *height <= tip);
        self.uncommitted.retain(|height| *height <= tip);
    }

    /// How many heights ended so since [`Tally::first`].
    pub fn total(&self, outcome: VoteOutcome) -> u64 {
        self.totals.get(outcome as usize).copied().unwrap_or(0)
    }

    /// Of the last [`WINDOW`] heights: how many were judged with our validator in the set, and how many of those were missed.
    pub fn window(&self) -> (u64, u64) {
        let oldest = self.newest.saturating_sub(WINDOW as i64);
        let inside = self
            .window
            .iter()
            .filter(|(height, outcome)| *height > oldest && *outcome != VoteOutcome::Outside);
        inside.fold((0, 0), |(all, missed), (_, outcome)| {
            (all + 1, missed + u64::from(outcome.is_missed()))
        })
    }

    /// The newest heights at which a precommit for a block was signed here and is not in the commit, the oldest first.
    pub fn uncommitted(&self) -> impl Iterator<Item = i64> + '_ {
        self.uncommitted.iter().copied()
    }
}

fn push<T>(ring: &mut VecDeque<T>, most: usize, value: T) {
    if ring.len() == most {
        ring.pop_front();
    }
    ring.push_back(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_begin_at_the_first_height_and_the_window_before_it() {
        let mut tally = Tally {
            first: 50,
            ..Tally::default()
        };
        for height in 1..=60 {
            let outcome = match height {
                10 | 55 => VoteOutcome::Absent,
                56 => VoteOutcome::Uncommitted,
                57 => VoteOutcome::Nil,
                58.. => VoteOutcome::Outside,
                _ => VoteOutcome::Committed,
            };
            tally.note(Height::new(height).unwrap(), outcome);
            let row = [(55, 1), (56, 2)].iter().find(|(at, _)| *at == height);
            assert_eq!(
                tally.in_a_row,
                row.map_or(u64::from(height == 10), |(_, row)| *row)
            );
        }
        let totals = VoteOutcome::ALL.map(|outcome| tally.total(outcome));
        assert_eq!(totals, [5, 1, 1, 1, 3]);
        assert_eq!(tally.window(), (57, 3));
        assert_eq!(tally.uncommitted().collect::<Vec<_>>(), [56]);
    }

    #[test]
    fn it_is_of_a_fixed_size_and_its_window_forgets() {
        let mut tally = Tally::default();
        for height in 1..=10_000 {
            tally.note(Height::new(height).unwrap(), VoteOutcome::Uncommitted);
        }
        assert_eq!(
            (tally.window.len(), tally.uncommitted.len()),
            (WINDOW, KEPT)
        );
        assert_eq!(tally.window(), (100, 100));
        // A hundred heights went by unseen.
        tally.note(Height::new(10_101).unwrap(), VoteOutcome::Committed);
        assert_eq!(tally.window(), (1, 0));
        assert_eq!(tally.uncommitted().last(), Some(10_000));
    }
}
