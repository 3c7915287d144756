//! How far the clock of a node is from this host's, as its votes tell. Of a fixed size.
//!
//! A vote has the time of the node's clock. Under BFT time (CometBFT, `voteTime`) it is at least a millisecond after the time of the
//! block that is voted for (v0.34: the chain's `time_iota_ms`, usually a second), so a clock that is behind shows as no further behind
//! than the block. A proposal is no reading: with proposer-based timestamps it has the time of its block, which may be an old one that
//! is proposed again.

use std::time::{Duration, Instant};

use crate::consensus::Timestamp;
use crate::events::VoteTime;

use super::histogram::Histogram;

/// Further away no clock is read: a vote may come with Go's zero time, with the year 9999, or with what a stranger likes.
const READABLE: Duration = Duration::from_secs(24 * 60 * 60);

/// So long a reading holds; blocks come more often.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// The upper bounds of distances in nanoseconds; one more bucket has none.
pub const BOUNDS: [u64; 13] = [
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
    300_000_000_000,
];

/// How far clocks were apart, whichever was ahead.
pub type Distances = Histogram<{ BOUNDS.len() }>;

/// How far a node's clock is from this host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// The node's is ahead, or the same.
    Ahead(Duration),
    /// The node's is behind, or the vote was under way for so long.
    Behind(Duration),
}

impl Skew {
    /// What the time of a vote says; `None` where it is more than a day away.
    pub fn of(vote: &VoteTime) -> Option<Self> {
        let written = nanos(&vote.written);
        let came = i128::try_from(vote.came.as_nanos()).unwrap_or(i128::MAX);
        let apart = written.saturating_sub(came);
        let distance =
            u64::try_from(apart.unsigned_abs()).map_or(Duration::MAX, Duration::from_nanos);
        if distance > READABLE {
            return None;
        }
        Some(match apart < 0 {
            true => Self::Behind(distance),
            false => Self::Ahead(distance),
        })
    }

    /// Whichever is ahead.
    pub fn distance(self) -> Duration {
        match self {
            Self::Ahead(distance) | Self::Behind(distance) => distance,
        }
    }

    /// In seconds; negative where the node's clock is behind.
    pub fn seconds(self) -> f64 {
        match self {
            Self::Ahead(distance) => distance.as_secs_f64(),
            Self::Behind(distance) => -distance.as_secs_f64(),
        }
    }
}

fn nanos(time: &Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

/// What one node's votes said of its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeClock {
    /// What the last vote said whose time is that of a clock, and when.
    last: Option<(Skew, Instant)>,
    /// The time of the last vote, whatever it was.
    written: Option<Timestamp>,
    /// Votes whose time is none that a clock of today shows. They leave the last reading as it is.
    pub unreadable: u64,
}

impl NodeClock {
    /// Another vote, at `now`; given again or not. Of several nodes the slower ones are always given what the first had, and have a
    /// clock, too. A node that asks for the very same vote once more says nothing of it.
    pub fn voted(&mut self, vote: &VoteTime, now: Instant) {
        if self.written.replace(vote.written) == Some(vote.written) {
            return;
        }
        match Skew::of(vote) {
            Some(skew) => self.last = Some((skew, now)),
            None => self.unreadable = self.unreadable.saturating_add(1),
        }
    }

    /// What the last vote said; `None` where nothing was said for `FRESH`: a single late vote must not stand for days as the
    /// last that was heard of a node.
    pub fn skew(&self, now: Instant) -> Option<Skew> {
        let (skew, at) = self.last?;
        (now.saturating_duration_since(at) < FRESH).then_some(skew)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_251_661;

    fn vote(seconds: i64, nanos: i32) -> VoteTime {
        VoteTime {
            written: Timestamp { seconds, nanos },
            came: Duration::new(1_795_251_661, 500_000_000),
        }
    }

    #[test]
    fn a_vote_tells_how_far_the_clocks_are_apart() {
        let ms = Duration::from_millis;
        let skew = |seconds, nanos| Skew::of(&vote(seconds, nanos));
        assert_eq!(skew(NOW, 500_000_000), Some(Skew::Ahead(ms(0))));
        assert_eq!(skew(NOW, 497_000_000), Some(Skew::Behind(ms(3))));
        assert_eq!(skew(NOW + 2, 0), Some(Skew::Ahead(ms(1_500))));
        assert_eq!(skew(NOW - 3_600, 0).unwrap().seconds(), -3_600.5);
        assert_eq!(skew(NOW - 3_600, 0).unwrap().distance(), ms(3_600_500));
    }

    #[test]
    fn what_is_no_time_of_today_is_no_reading_and_overflows_nothing() {
        for seconds in [
            i64::MIN,
            // Go's zero time, the beginning of 1970, and the end of the year 9999.
            -62_135_596_800,
            0,
            NOW - 86_404,
            NOW + 86_404,
            253_402_300_799,
            i64::MAX,
        ] {
            for nanos in [i32::MIN, 0, i32::MAX] {
                assert_eq!(Skew::of(&vote(seconds, nanos)), None, "{seconds} {nanos}");
            }
        }
        // A host whose own clock stands nowhere.
        for came in [Duration::ZERO, Duration::MAX] {
            let vote = VoteTime {
                came,
                ..vote(NOW, 0)
            };
            assert_eq!(Skew::of(&vote), None);
        }
    }

    #[test]
    fn one_senseless_vote_spoils_no_reading() {
        let now = Instant::now();
        let mut clock = NodeClock::default();
        let mut voted = |seconds, nanos| {
            clock.voted(&vote(seconds, nanos), now);
            (clock.skew(now), clock.unreadable)
        };
        assert_eq!(voted(0, 0), (None, 1));
        let read = Some(Skew::Behind(Duration::from_millis(100)));
        assert_eq!(voted(NOW, 400_000_000), (read, 1));
        assert_eq!(voted(-62_135_596_800, 0), (read, 2));
        assert_eq!(voted(253_402_300_799, 0), (read, 3));
    }

    #[test]
    fn a_vote_that_is_asked_for_again_is_not_another_reading() {
        let now = Instant::now();
        let mut clock = NodeClock::default();
        clock.voted(&vote(NOW, 500_000_000), now);
        let late = |vote: VoteTime| VoteTime {
            came: vote.came + Duration::from_secs(5),
            ..vote
        };
        clock.voted(&late(vote(NOW, 500_000_000)), now);
        assert_eq!(clock.skew(now), Some(Skew::Ahead(Duration::ZERO)));
        for _ in 0..3 {
            clock.voted(&vote(0, 0), now);
        }
        assert_eq!(clock.unreadable, 1);
        clock.voted(&late(vote(NOW, 500_000_001)), now);
        assert!(matches!(clock.skew(now), Some(Skew::Behind(_))));
    }

    #[test]
    fn a_reading_holds_for_ten_minutes() {
        let now = Instant::now();
        let mut clock = NodeClock::default();
        clock.voted(&vote(NOW - 40, 0), now);
        let moment = Duration::from_secs(1);
        assert!(clock.skew(now + FRESH - moment).is_some());
        assert_eq!(clock.skew(now + FRESH), None);
        // A vote of no time of today does not make it last.
        clock.voted(&vote(0, 0), now + FRESH - moment);
        assert_eq!(clock.skew(now + FRESH), None);
        clock.voted(&vote(NOW, 0), now + FRESH);
        assert!(clock.skew(now + FRESH).is_some());
    }
}
