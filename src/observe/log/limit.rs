//! How often a link may log one kind of line: a request that is refused in a loop must not fill a disk.
//!
//! Each kind has a bucket, and one more for lines that are written once per position: however many double signs were refused
//! at one height, the first at the next one is written. Lines left out are counted, and the next line of the kind says how
//! many. The metrics count all of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::consensus::Hrs;

/// How many lines at once, and how often one more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    burst: u32,
    every: Duration,
}

/// What a healthy chain logs, with blocks of a quarter of a second.
pub(super) const WORK: Allowance = Allowance {
    burst: 500,
    every: Duration::from_millis(80),
};
/// What is only logged when something is odd.
pub(super) const TROUBLE: Allowance = Allowance {
    burst: 100,
    every: Duration::from_secs(10),
};

/// What the operator wants to be so.
pub(super) const MEANT: Allowance = Allowance {
    burst: 1,
    every: Duration::from_secs(3600),
};

/// The kinds of one link; as many entries as there are words.
#[derive(Debug, Default)]
pub(super) struct LogLimits(BTreeMap<&'static str, Lines>);

/// The lines of one kind.
#[derive(Debug, Default)]
struct Lines {
    any: Option<LineBucket>,
    /// Of the first line at a position, and that position.
    first: Option<LineBucket>,
    at: Option<Hrs>,
    left_out: u64,
}

#[derive(Debug)]
struct LineBucket {
    lines: u32,
    since: Instant,
}

impl LogLimits {
    /// Whether a line of this kind may be written now: then how many were left out before it.
    pub fn admit(&mut self, kind: &'static str, allowance: Allowance, now: Instant) -> Option<u64> {
        let lines = self.0.entry(kind).or_default();
        let admitted = take(&mut lines.any, allowance, now);
        lines.count(admitted)
    }

    /// As [`LogLimits::admit`], for what can only concern the last signed position: there the first line is news however
    /// many there were at others, and the next ones are trouble.
    pub fn admit_at(&mut self, kind: &'static str, at: &Hrs, now: Instant) -> Option<u64> {
        let lines = self.0.entry(kind).or_default();
        let admitted = match lines.at == Some(*at) {
            true => take(&mut lines.any, TROUBLE, now),
            false => take(&mut lines.first, WORK, now),
        };
        if admitted {
            lines.at = Some(*at);
        }
        lines.count(admitted)
    }
}

impl Lines {
    fn count(&mut self, admitted: bool) -> Option<u64> {
        if !admitted {
            self.left_out += 1;
            return None;
        }
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Takes one line out of a bucket, which begins full.
fn take(bucket: &mut Option<LineBucket>, allowance: Allowance, now: Instant) -> bool {
    let bucket = bucket.get_or_insert(LineBucket {
        lines: allowance.burst,
        since: now,
    });
    let waited = now.saturating_duration_since(bucket.since).as_nanos();
    let more = waited / allowance.every.as_nanos().max(1);
    if more > 0 {
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        bucket.lines = bucket.lines.saturating_add(more).min(allowance.burst);
        bucket.since = now;
    }
    match bucket.lines.checked_sub(1) {
        Some(lines) => {
            bucket.lines = lines;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Height, Round, Step};

    #[test]
    fn a_flood_becomes_a_trickle_and_says_what_it_left_out() {
        let mut limits = LogLimits::default();
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let written = |limits: &mut LogLimits, kind, from: u64, to: u64| {
            (from..to)
                .filter_map(|time| limits.admit(kind, TROUBLE, at(time)))
                .collect::<Vec<u64>>()
        };
        assert_eq!(written(&mut limits, "a", 0, 1_000), [0; 100]);
        assert_eq!(
            written(&mut limits, "b", 1_000, 1_010),
            [0; 10],
            "another kind"
        );
        // A day of it: about one line in ten seconds.
        let day = (1..=8_640).filter_map(|turn| limits.admit("a", TROUBLE, at(turn * 10_000)));
        assert!(day.count() <= 8_640);
        assert_eq!(written(&mut limits, "a", 90_000_000, 90_000_200), [0; 100]);
        assert_eq!(written(&mut limits, "a", 90_010_000, 90_010_050), [100]);
        assert_eq!(written(&mut limits, "a", 90_020_100, 90_020_101), [49]);
    }

    #[test]
    fn the_first_at_a_position_is_news_whatever_was_at_others() {
        let mut limits = LogLimits::default();
        let now = Instant::now();
        let at = |height| Hrs {
            height: Height::new(height).unwrap(),
            round: Round::FIRST,
            step: Step::Prevote,
        };
        let mut admitted = |kind, height| limits.admit_at(kind, &at(height), now);
        let written = (0..1_000).filter(|_| admitted("conflict", 5).is_some());
        assert_eq!(written.count(), 101);
        assert_eq!(admitted("conflict", 6), Some(899));
        assert_eq!(admitted("conflict", 6), None);
        assert_eq!(admitted("conflict", 7), Some(1));
        // New positions come no faster than a chain may go, and are bounded all the same.
        let written = (0..1_000).filter(|height| admitted("replayed", 1 + height).is_some());
        assert_eq!(written.count(), 500);
        // One that was left out is still new.
        let later = now + WORK.every;
        assert_eq!(limits.admit_at("replayed", &at(1_000), later), Some(500));
    }
}
