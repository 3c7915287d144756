//! What is used up, answered once for the gate and for every command (W19).
//!
//! A record says less than what may have been signed where half of its file was lost, and who set it decides how far
//! the next height may be. Anyone who asks these questions of a [`Record`] by hand forgets one of them.

use std::time::Duration;

use crate::consensus::{Height, Hrs};

use super::heights::bucket::Rate;
use super::store::record::{Origin, Record};
use super::watermark::Watermark;

/// How far the first advance after `state init`, or after a take-over where nothing was known, may go (W11), in heights.
pub const FIRST_ADVANCE: u64 = 1_000_000_000;

/// What one chain and key have used up, damage counted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedUp {
    watermark: Watermark,
    floor: Option<Height>,
    origin: Origin,
    written: Duration,
}

impl UsedUp {
    /// What a record means. With half of its file `damaged`, a record one height above may be lost: then that whole
    /// height is used up, too, and nothing of what was signed is known.
    pub fn of(record: &Record, damaged: bool) -> Self {
        let above = record.watermark.height().saturating_add(1);
        let floor = Height::new(above).filter(|_| damaged);
        Self {
            watermark: match floor {
                Some(floor) => Watermark::UpTo(Hrs::end_of(floor)),
                None => record.watermark.clone(),
            },
            floor,
            origin: record.origin,
            written: record.written,
        }
    }

    /// The watermark to go on from: everything up to it is used up.
    pub fn watermark(&self) -> &Watermark {
        &self.watermark
    }

    /// As [`UsedUp::watermark`].
    pub fn into_watermark(self) -> Watermark {
        self.watermark
    }

    /// The highest height of which, for damage, nothing is known: everything up to it is refused, replays included.
    pub fn floor(&self) -> Option<Height> {
        self.floor
    }

    /// Who set it. Damage does not change that.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// When it was reached, by the wall clock: time since 1970-01-01 UTC.
    pub fn written(&self) -> Duration {
        self.written
    }

    /// How long ago that was at the wall time `now`; zero when the clock was set back.
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.written)
    }

    /// How many heights the next request may be above it at the wall time `now` (W11).
    pub fn reach(&self, rate: Rate, now: Duration) -> u64 {
        match self.origin.free_advance() {
            Some(free) => free,
            None => rate.max_gap.saturating_add(
                self.age(now)
                    .as_secs()
                    .saturating_mul(u64::from(rate.max_blocks_per_second)),
            ),
        }
    }
}

impl Origin {
    /// The origin of a watermark that the operator sets, by `state init`, by a take-over or by `state raise`, where
    /// `known` was used up before. The free first advance is there only where nothing was known.
    pub fn of_operator(known: Option<&Watermark>) -> Self {
        match known.and_then(Watermark::hrs) {
            None => Self::Begun,
            Some(_) => Self::Raised,
        }
    }

    /// How far the first advance may go without asking the bucket, if it may.
    pub fn free_advance(self) -> Option<u64> {
        match self {
            Self::Begun => Some(FIRST_ADVANCE),
            Self::Raised | Self::Request | Self::HandedOver | Self::MovedOut => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn record(height: i64, origin: Origin) -> Record {
        Record {
            sequence: 7,
            watermark: match Height::new(height) {
                Some(height) => Watermark::UpTo(Hrs::end_of(height)),
                None => Watermark::Never,
            },
            origin,
            written: NOW,
        }
    }

    #[test]
    fn a_damaged_half_uses_up_the_height_above() {
        for (height, floor) in [
            (0, 1),
            (11, 12),
            (i64::MAX - 1, i64::MAX),
            (i64::MAX, i64::MAX),
        ] {
            let record = record(height, Origin::Request);
            let whole = UsedUp::of(&record, false);
            assert_eq!(
                (whole.watermark(), whole.floor()),
                (&record.watermark, None)
            );
            let damaged = UsedUp::of(&record, true);
            let floor = Height::new(floor).unwrap();
            assert_eq!(damaged.floor(), Some(floor));
            assert_eq!(*damaged.watermark(), Watermark::UpTo(Hrs::end_of(floor)));
        }
    }

    #[test]
    fn the_first_advance_is_free_only_where_nothing_was_known() {
        let known = Watermark::UpTo(Hrs::end_of(Height::FIRST));
        assert_eq!(Origin::of_operator(None), Origin::Begun);
        assert_eq!(Origin::of_operator(Some(&Watermark::Never)), Origin::Begun);
        assert_eq!(Origin::of_operator(Some(&known)), Origin::Raised);
        let hour = NOW + Duration::from_secs(3_600);
        let reach = |origin, now| UsedUp::of(&record(5, origin), false).reach(Rate::default(), now);
        assert_eq!(reach(Origin::Begun, NOW), FIRST_ADVANCE);
        for origin in [Origin::Raised, Origin::Request] {
            assert_eq!(reach(origin, NOW), 1_000);
            assert_eq!(reach(origin, hour), 73_000);
            assert_eq!(reach(origin, NOW - Duration::from_secs(1)), 1_000);
        }
    }
}
