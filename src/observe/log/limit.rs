//! How often a link may log one kind of line: a request that is refused in a loop must not fill a disk.
//!
//! Each kind has a bucket. What is left out is counted, and told with the next line of its kind that is written. The
//! metrics count all of it.

use std::time::{Duration, Instant};

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

/// The kinds of one link; as many entries as there are words.
#[derive(Debug, Default)]
pub(super) struct Limits(Vec<(&'static str, Bucket)>);

#[derive(Debug)]
struct Bucket {
    lines: u32,
    since: Instant,
    left_out: u64,
}

impl Limits {
    /// Whether a line of this kind may be written now: then how many were left out before it.
    pub fn admit(&mut self, kind: &'static str, allowance: Allowance, now: Instant) -> Option<u64> {
        let place = self.0.iter().position(|(known, _)| *known == kind);
        let bucket = match place.and_then(|place| self.0.get_mut(place)) {
            Some((_, bucket)) => bucket,
            None => {
                let lines = allowance.burst - 1;
                let (since, left_out) = (now, 0);
                self.0.push((
                    kind,
                    Bucket {
                        lines,
                        since,
                        left_out,
                    },
                ));
                return Some(0);
            }
        };
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
                Some(std::mem::take(&mut bucket.left_out))
            }
            None => {
                bucket.left_out += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_a_trickle_and_says_what_it_left_out() {
        let mut limits = Limits::default();
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let written = |limits: &mut Limits, kind, from: u64, to: u64| {
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
}
