//! What became of each height: a strip of the last hundred, and counts of what was missed.
//!
//! Only a signature says which heights there are. A refused request for a height far above may come from a compromised node,
//! so it must not push the strip away: the next signature takes the strip back to where the chain is.

use serde::{Deserialize, Serialize};

use crate::consensus::{Height, Hrs, Round, Step};

use super::votes::VotedFor;

/// How many heights the strip shows.
pub const HISTORY: usize = 100;
/// How far above the last height a refused request may be to appear in the strip.
const NEAR: i64 = 1_000;

/// What became of one height. In JSON it is its [`HeightOutcome::word`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeightOutcome {
    /// A vote or proposal was signed.
    Signed,
    /// A precommit for a block was signed, and the block's commit lacks it: the chain counts the height as missed.
    Uncommitted,
    /// A vote for no block was signed, and no precommit for one: the node had none, or had it too late.
    Nil,
    /// Earlier signatures were given again, and nothing new was signed.
    Replayed,
    /// Requests came and were refused.
    Refused,
    /// Something other than what was signed before was asked for, and refused.
    Conflict,
    /// Nothing was signed.
    Missed,
    /// Before this process knew anything; also what a newer service says and this program has no word for.
    #[serde(other)]
    Unknown,
}

impl HeightOutcome {
    /// All of them, in the order of the legend.
    pub const ALL: [Self; 8] = [
        Self::Signed,
        Self::Uncommitted,
        Self::Nil,
        Self::Replayed,
        Self::Refused,
        Self::Conflict,
        Self::Missed,
        Self::Unknown,
    ];

    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Signed => "signed",
            Self::Uncommitted => "uncommitted",
            Self::Nil => "nil",
            Self::Replayed => "replayed",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Missed => "missed",
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct HeightMarks {
    signed: bool,
    /// A vote for no block was signed.
    nil: bool,
    /// A precommit for a block was signed.
    decided: bool,
    replayed: bool,
    refused: bool,
    conflict: bool,
    /// The block's commit lacks the precommit.
    uncommitted: bool,
    /// The highest round that was signed in.
    round: Option<Round>,
}

/// A height of the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastHeight {
    /// Which one.
    pub height: i64,
    /// What became of it.
    pub outcome: HeightOutcome,
    /// The highest round of it that was signed in; 0 where nothing was.
    pub round: Round,
}

/// The last heights of a chain. Of a fixed size.
#[derive(Clone, Copy, Debug)]
pub struct Heights {
    /// The first height that this process knows of, and the highest; 0 where there is none.
    first: i64,
    top: i64,
    marks: [HeightMarks; HISTORY],
    missed: Missed,
}

/// Heights without a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Heights between two signed ones, at which nothing was signed.
    pub heights: u64,
    /// Heights that went by without a signed prevote.
    pub prevotes: u64,
    /// Heights that went by without a signed precommit.
    pub precommits: u64,
    /// As many in a row, up to now.
    pub prevotes_in_a_row: u64,
    /// As many in a row, up to now.
    pub precommits_in_a_row: u64,
    /// The highest height with a signature; 0 where there is none.
    highest: i64,
    prevoted: i64,
    precommitted: i64,
}

impl Heights {
    /// Begins with the last height known from before the start, so that what is missed in between counts.
    pub fn since(last: Option<Height>) -> Self {
        let last = last.map_or(0, Height::get);
        Self {
            first: last,
            top: last,
            marks: [HeightMarks::default(); HISTORY],
            missed: Missed {
                highest: last,
                prevoted: last,
                precommitted: last,
                ..Missed::default()
            },
        }
    }

    /// As [`Heights::since`], for what is known only later. What was counted meanwhile stays.
    pub fn begin_after(&mut self, last: Option<Height>) {
        let begun = Self::since(last);
        if self.missed.highest == 0 {
            self.missed = begun.missed;
        }
        if self.top == 0 {
            (self.first, self.top) = (begun.first, begun.top);
        }
    }

    /// A signature left: a new one or an earlier one again, for a block or for none.
    pub fn signed(&mut self, hrs: &Hrs, replayed: bool, voted_for: VotedFor) {
        let height = hrs.height.get();
        // Above the last signature there were but refusals.
        if height < self.top && height > self.missed.highest {
            for above in height.saturating_add(1)..=self.top.min(height.saturating_add(NEAR)) {
                self.put(above, HeightMarks::default());
            }
            // Whatever they had pushed out of the strip is not known any more.
            let pushed = self.top.saturating_sub(HISTORY as i64);
            self.first = self.first.max(pushed.min(height.saturating_sub(1)));
            self.top = height;
        }
        if !replayed || self.missed.highest == 0 {
            self.missed.signed(height, hrs.step);
        }
        self.advance(height);
        let nil = voted_for == VotedFor::Nil;
        if let Some(mark) = self.mark(height) {
            mark.round = mark.round.max(Some(hrs.round));
            match replayed {
                true => mark.replayed = true,
                false => {
                    mark.signed = true;
                    mark.nil |= nil;
                    mark.decided |= hrs.step == Step::Precommit && !nil;
                }
            }
        }
    }

    /// A request was refused.
    pub fn refused(&mut self, height: Height, double_sign: bool) {
        let height = height.get();
        let known = match self.missed.highest {
            0 => self.top,
            highest => highest,
        };
        if known != 0 && height > known.saturating_add(NEAR) {
            return;
        }
        self.advance(height);
        if let Some(mark) = self.mark(height) {
            mark.refused = true;
            mark.conflict |= double_sign;
        }
    }

    /// The chain itself says that the block's commit lacks the precommit that was signed.
    pub fn uncommitted(&mut self, height: Height) {
        if let Some(mark) = self.mark(height.get()) {
            mark.uncommitted = true;
        }
    }

    /// Whether a precommit for a block was signed at a height that the strip shows.
    pub fn decided(&self, height: Height) -> bool {
        let height = height.get();
        let shown = height <= self.top && height > self.top.saturating_sub(HISTORY as i64);
        shown
            && self
                .marks
                .get(place(height))
                .is_some_and(|mark| mark.decided)
    }

    /// The last hundred heights, the oldest first; none where nothing was asked for yet.
    pub fn history(&self) -> Vec<PastHeight> {
        if self.top == 0 {
            return Vec::new();
        }
        let oldest = self.top.saturating_sub(HISTORY as i64 - 1);
        let outcomes = (oldest..=self.top).zip(self.marks_from(oldest));
        outcomes
            .filter(|(height, _)| *height >= 1)
            .map(|(height, mark)| PastHeight {
                height,
                outcome: self.outcome(height, mark),
                round: mark.round.unwrap_or(Round::FIRST),
            })
            .collect()
    }

    /// What was missed.
    pub fn missed(&self) -> Missed {
        let row = |last: i64| above(self.missed.highest.saturating_sub(1), last);
        Missed {
            prevotes_in_a_row: row(self.missed.prevoted),
            precommits_in_a_row: row(self.missed.precommitted),
            ..self.missed
        }
    }

    fn outcome(&self, height: i64, mark: HeightMarks) -> HeightOutcome {
        match mark {
            HeightMarks { conflict: true, .. } => HeightOutcome::Conflict,
            HeightMarks {
                uncommitted: true, ..
            } => HeightOutcome::Uncommitted,
            HeightMarks {
                nil: true,
                decided: false,
                ..
            } => HeightOutcome::Nil,
            HeightMarks { signed: true, .. } => HeightOutcome::Signed,
            HeightMarks { replayed: true, .. } => HeightOutcome::Replayed,
            HeightMarks { refused: true, .. } => HeightOutcome::Refused,
            _ if height <= self.first => HeightOutcome::Unknown,
            _ => HeightOutcome::Missed,
        }
    }

    fn advance(&mut self, height: i64) {
        if self.top == 0 {
            self.first = height.saturating_sub(1);
            self.top = height;
        }
        if height <= self.top {
            return;
        }
        let fresh = self
            .top
            .saturating_add(1)
            .max(height.saturating_sub(HISTORY as i64 - 1));
        for passed in fresh..=height {
            self.put(passed, HeightMarks::default());
        }
        self.top = height;
    }

    fn put(&mut self, height: i64, mark: HeightMarks) {
        if let Some(place) = self.marks.get_mut(place(height)) {
            *place = mark;
        }
    }

    /// The mark of a height that the strip shows.
    fn mark(&mut self, height: i64) -> Option<&mut HeightMarks> {
        let shown = height <= self.top && height > self.top.saturating_sub(HISTORY as i64);
        if !shown {
            return None;
        }
        self.marks.get_mut(place(height))
    }

    fn marks_from(&self, oldest: i64) -> impl Iterator<Item = HeightMarks> + '_ {
        let start = place(oldest);
        self.marks.iter().cycle().skip(start).copied()
    }
}

impl Missed {
    fn signed(&mut self, height: i64, step: Step) {
        if self.highest == 0 {
            (self.highest, self.prevoted, self.precommitted) = (height, height, height);
        }
        if height > self.highest {
            let gap = above(height.saturating_sub(1), self.highest);
            self.heights = self.heights.saturating_add(gap);
            let missed = |last: i64| gap.saturating_add(u64::from(last < self.highest));
            self.prevotes = self.prevotes.saturating_add(missed(self.prevoted));
            self.precommits = self.precommits.saturating_add(missed(self.precommitted));
            self.highest = height;
        }
        match step {
            Step::Propose => {}
            Step::Prevote => self.prevoted = height,
            Step::Precommit => self.precommitted = height,
        }
    }
}

fn above(height: i64, lower: i64) -> u64 {
    u64::try_from(height.saturating_sub(lower)).unwrap_or(0)
}

fn place(height: i64) -> usize {
    usize::try_from(height.rem_euclid(HISTORY as i64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(height: i64) -> Height {
        Height::new(height).unwrap()
    }

    fn hrs(height: i64, step: Step) -> Hrs {
        Hrs {
            height: at(height),
            round: Round::FIRST,
            step,
        }
    }

    fn both(heights: &mut Heights, height: i64) {
        heights.signed(&hrs(height, Step::Prevote), false, VotedFor::Block);
        heights.signed(&hrs(height, Step::Precommit), false, VotedFor::Block);
    }

    fn words(heights: &Heights) -> Vec<(i64, &'static str)> {
        let strip = heights.history();
        strip
            .iter()
            .map(|past| (past.height, past.outcome.word()))
            .collect()
    }

    #[test]
    fn the_strip_says_what_became_of_each_height() {
        let mut heights = Heights::since(None);
        assert!(heights.history().is_empty());
        both(&mut heights, 5);
        both(&mut heights, 8);
        heights.refused(at(9), false);
        heights.signed(&hrs(8, Step::Precommit), true, VotedFor::Block);
        heights.refused(at(8), true);
        assert_eq!(
            words(&heights)[4..],
            [
                (5, "signed"),
                (6, "missed"),
                (7, "missed"),
                (8, "conflict"),
                (9, "refused")
            ]
        );
        assert_eq!(words(&heights)[0], (1, "unknown"));
    }

    #[test]
    fn a_height_is_nil_until_a_precommit_for_a_block_is_signed() {
        let mut heights = Heights::since(None);
        // A prevote for a block and a precommit for none; both for none; a prevote for none alone.
        heights.signed(&hrs(1, Step::Prevote), false, VotedFor::Block);
        heights.signed(&hrs(1, Step::Precommit), false, VotedFor::Nil);
        heights.signed(&hrs(2, Step::Prevote), false, VotedFor::Nil);
        heights.signed(&hrs(2, Step::Precommit), false, VotedFor::Nil);
        heights.signed(&hrs(3, Step::Prevote), false, VotedFor::Nil);
        // The block came late, and was decided in the end.
        heights.signed(&hrs(4, Step::Prevote), false, VotedFor::Nil);
        heights.signed(&hrs(4, Step::Precommit), false, VotedFor::Block);
        // A vote for none that is only given again.
        heights.signed(&hrs(5, Step::Prevote), true, VotedFor::Nil);
        heights.signed(&hrs(6, Step::Prevote), false, VotedFor::Nil);
        heights.refused(at(6), true);
        let found = words(&heights).into_iter().map(|(_, word)| word);
        let found: Vec<&str> = found.collect();
        assert_eq!(
            found,
            ["nil", "nil", "nil", "signed", "replayed", "conflict"]
        );
    }

    #[test]
    fn it_shows_a_hundred_and_never_more() {
        let mut heights = Heights::since(None);
        for height in 1..=1_000 {
            both(&mut heights, height);
        }
        both(&mut heights, 5_000);
        let strip = words(&heights);
        assert_eq!(strip.len(), HISTORY);
        assert_eq!(
            (strip[0], strip[99]),
            ((4_901, "missed"), (5_000, "signed"))
        );
        assert_eq!(heights.missed().heights, 3_999);
    }

    #[test]
    fn a_refused_height_far_above_moves_nothing_for_long() {
        let mut heights = Heights::since(None);
        both(&mut heights, 10);
        heights.refused(at(i64::MAX), false);
        assert_eq!(heights.history().last().unwrap().height, 10);
        heights.refused(at(900), false);
        both(&mut heights, 11);
        let strip = words(&heights);
        assert_eq!(strip[9..], [(10, "unknown"), (11, "signed")]);
        heights.refused(at(13), false);
        both(&mut heights, 12);
        assert_eq!(words(&heights)[10..], [(11, "signed"), (12, "signed")]);
    }

    #[test]
    fn votes_that_were_never_asked_for_are_counted() {
        let mut heights = Heights::since(Some(at(3)));
        both(&mut heights, 4);
        heights.signed(&hrs(5, Step::Prevote), false, VotedFor::Block);
        heights.signed(&hrs(6, Step::Prevote), false, VotedFor::Block);
        let missed = heights.missed();
        assert_eq!((missed.heights, missed.prevotes), (0, 0));
        assert_eq!((missed.precommits, missed.precommits_in_a_row), (1, 1));
        both(&mut heights, 9);
        let missed = heights.missed();
        assert_eq!((missed.heights, missed.prevotes), (2, 2));
        assert_eq!((missed.precommits, missed.precommits_in_a_row), (4, 0));
    }

    #[test]
    fn an_absence_counts_and_a_first_height_does_not() {
        let mut heights = Heights::since(Some(at(100)));
        both(&mut heights, 105);
        assert_eq!(heights.missed().heights, 4);
        let mut heights = Heights::since(None);
        both(&mut heights, 1_000_000);
        assert_eq!(heights.missed().heights, 0);
    }

    #[test]
    fn a_height_has_the_highest_round_that_was_signed_in() {
        let mut heights = Heights::since(None);
        let at = |height, round| Hrs {
            round: Round::new(round).unwrap(),
            ..hrs(height, Step::Prevote)
        };
        both(&mut heights, 1);
        for round in [0, 1, 3] {
            heights.signed(&at(2, round), false, VotedFor::Nil);
        }
        for again in [3, 1] {
            heights.signed(&at(2, again), true, VotedFor::Nil);
        }
        both(&mut heights, 4);
        heights.refused(Height::new(5).unwrap(), false);
        let strip = heights.history();
        let rounds: Vec<i32> = strip.iter().map(|past| past.round.get()).collect();
        assert_eq!(rounds, [0, 3, 0, 0, 0]);
    }
}
