//! Refused double signs that nobody has acknowledged. Of a fixed size: the first, the last, and how many.
//!
//! Each link keeps its own, apart from its last refusal, which the next one takes the place of.

use std::time::Duration;

use crate::consensus::Hrs;
use crate::os::clock::Moment;

/// How long a refused double sign stays in sight when nobody acknowledges it.
pub const IN_SIGHT: Duration = Duration::from_secs(24 * 60 * 60);

/// One refused double sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The position, at which other data was signed before.
    pub hrs: Hrs,
    /// When it was refused.
    pub at: Moment,
}

/// The refused double signs of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflicts {
    /// The first of them.
    pub first: Conflict,
    /// The last of them.
    pub last: Conflict,
    /// How many there were.
    pub count: u64,
}

impl Conflicts {
    /// These and one more. What is out of sight by then is not counted.
    pub fn and(before: Option<Self>, new: Conflict) -> Self {
        match before.and_then(|before| before.in_sight(&new.at)) {
            None => Self {
                first: new,
                last: new,
                count: 1,
            },
            Some(before) => Self {
                last: new,
                count: before.count.saturating_add(1),
                ..before
            },
        }
    }

    /// These, while the last of them is not older than [`IN_SIGHT`]. Suspension counts; a clock that was set does not.
    pub fn in_sight(self, now: &Moment) -> Option<Self> {
        (now.boot.saturating_sub(self.last.at.boot) < IN_SIGHT).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Height, Round, Step};

    fn conflict(height: i64, at: Duration) -> Conflict {
        let hrs = Hrs {
            height: Height::new(height).unwrap(),
            round: Round::FIRST,
            step: Step::Prevote,
        };
        Conflict {
            hrs,
            at: moment(at),
        }
    }

    fn moment(at: Duration) -> Moment {
        Moment {
            monotonic: Duration::ZERO,
            boot: at,
            wall: at,
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_stays_in_sight_for_a_day_after_the_last_one() {
        let first = Conflicts::and(None, conflict(5, SECOND));
        let second = Conflicts::and(Some(first), conflict(7, IN_SIGHT));
        assert_eq!((second.count, second.first), (2, first.first));
        let last = IN_SIGHT + IN_SIGHT;
        assert!(second.in_sight(&moment(last - SECOND)).is_some());
        assert_eq!(second.in_sight(&moment(last)), None);
        // What was out of sight is not dug out by the next one.
        let third = Conflicts::and(Some(second), conflict(9, last));
        assert_eq!((third.count, third.first.hrs), (1, conflict(9, last).hrs));
    }

    #[test]
    fn a_wall_clock_that_is_set_hides_nothing() {
        let conflicts = Conflicts::and(None, conflict(5, SECOND));
        let set = Moment {
            wall: IN_SIGHT * 400,
            ..moment(SECOND * 2)
        };
        assert!(conflicts.in_sight(&set).is_some());
    }
}
