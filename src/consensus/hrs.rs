//! Height, round and step: the position of a signature.
//!
//! `Hrs` derives `Ord`; the order of its fields *is* the rule of the watermark (W2).

use std::fmt;

/// A block height, at least 1 (W10). CometBFT's `int64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Height(i64);

impl Height {
    /// The first height of a chain.
    pub const FIRST: Height = Height(1);

    /// The height, if it is at least 1.
    pub fn new(height: i64) -> Option<Self> {
        (height >= 1).then_some(Self(height))
    }

    /// The number itself, at least 1.
    pub fn get(self) -> i64 {
        self.0
    }

    /// How many heights this one is above `lower`; 0 when it is not above.
    pub fn above(self, lower: Height) -> u64 {
        u64::try_from(self.0.saturating_sub(lower.0)).unwrap_or(0)
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A round of a height, at least 0. CometBFT's `int32`.
///
/// Requests are bounded more tightly, see [`Round::MAX_REQUESTED`]; state files written by hand hold
/// [`Round::CEILING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round(i32);

impl Round {
    /// The first round of a height.
    pub const FIRST: Round = Round(0);

    /// The highest round that a node may ask for (W10).
    pub const MAX_REQUESTED: i32 = 10_000;

    /// The round above all rounds: a watermark at it covers the whole height.
    pub const CEILING: Round = Round(i32::MAX);

    /// The round, if it is not negative.
    pub fn new(round: i32) -> Option<Self> {
        (round >= 0).then_some(Self(round))
    }

    /// The number itself, at least 0.
    pub fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A step of a round. There are three, in this order, and no unknown one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A proposal.
    Propose,
    /// A prevote.
    Prevote,
    /// A precommit.
    Precommit,
}

impl Step {
    /// The number that CometBFT's file signer writes: 1, 2 or 3 (`privval/file.go`).
    pub fn number(self) -> u8 {
        match self {
            Step::Propose => 1,
            Step::Prevote => 2,
            Step::Precommit => 3,
        }
    }

    /// The step with CometBFT's number 1, 2 or 3.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Step::Propose),
            2 => Some(Step::Prevote),
            3 => Some(Step::Precommit),
            _ => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Step::Propose => "proposal",
            Step::Prevote => "prevote",
            Step::Precommit => "precommit",
        })
    }
}

/// Height, round and step. The derived order is the order in which a validator may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hrs {
    /// The height.
    pub height: Height,
    /// The round of that height.
    pub round: Round,
    /// The step of that round.
    pub step: Step,
}

impl Hrs {
    /// The highest position of a height: a watermark at it covers everything at this height.
    pub fn end_of(height: Height) -> Self {
        Self {
            height,
            round: Round::CEILING,
            step: Step::Precommit,
        }
    }

    /// Whether this is the ceiling that [`Hrs::end_of`] makes.
    pub fn is_end_of_height(&self) -> bool {
        self.round == Round::CEILING
    }
}

impl fmt::Display for Hrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_end_of_height() {
            write!(f, "{} (whole height)", self.height)
        } else {
            write!(f, "{}/{}/{}", self.height, self.round, self.step)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hrs(height: i64, round: i32, step: Step) -> Hrs {
        Hrs {
            height: Height::new(height).unwrap(),
            round: Round::new(round).unwrap(),
            step,
        }
    }

    #[test]
    fn height_outranks_round_and_round_outranks_step() {
        assert!(hrs(2, 0, Step::Propose) > hrs(1, 9, Step::Precommit));
        assert!(hrs(1, 1, Step::Propose) > hrs(1, 0, Step::Precommit));
        assert!(hrs(1, 0, Step::Prevote) > hrs(1, 0, Step::Propose));
        assert!(hrs(1, 0, Step::Precommit) > hrs(1, 0, Step::Prevote));
        assert!(
            Hrs::end_of(Height::new(1).unwrap()) > hrs(1, Round::MAX_REQUESTED, Step::Precommit)
        );
        assert!(Hrs::end_of(Height::new(1).unwrap()) < hrs(2, 0, Step::Propose));
    }

    #[test]
    fn heights_and_rounds_have_a_floor() {
        assert_eq!(Height::new(0), None);
        assert_eq!(Height::new(i64::MIN), None);
        assert_eq!(Round::new(-1), None);
    }

    #[test]
    fn step_numbers_are_those_of_the_file_signer() {
        for step in [Step::Propose, Step::Prevote, Step::Precommit] {
            assert_eq!(Step::from_number(step.number()), Some(step));
        }
        assert_eq!(Step::from_number(0), None);
        assert_eq!(Step::from_number(4), None);
    }
}
