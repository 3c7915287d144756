//! Counts by upper bound, of a fixed size.

use std::time::Duration;

/// How many durations lie below each of `N` upper bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    /// In nanoseconds, ascending.
    bounds: &'static [u64; N],
    /// What lies below its bound and above the one before.
    counts: [u64; N],
    /// What lies above the last bound.
    above: u64,
    /// In nanoseconds; enough for 584 years.
    sum: u64,
}

impl<const N: usize> Histogram<N> {
    /// Nothing is counted yet. The bounds are nanoseconds, ascending.
    pub const fn new(bounds: &'static [u64; N]) -> Self {
        Self {
            bounds,
            counts: [0; N],
            above: 0,
            sum: 0,
        }
    }

    /// Counts one.
    pub fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = self.bounds.partition_point(|bound| *bound < nanos);
        match self.counts.get_mut(bucket) {
            Some(count) => *count += 1,
            None => self.above += 1,
        }
        self.sum = self.sum.saturating_add(nanos);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.above
    }

    /// The sum of all in seconds.
    pub fn sum(&self) -> f64 {
        Duration::from_nanos(self.sum).as_secs_f64()
    }

    /// Each upper bound in seconds, the last one infinite, with the count of its own bucket.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().map(|nanos| *nanos as f64 / 1e9);
        let finite = bounds.zip(self.counts.iter().copied());
        finite.chain([(f64::INFINITY, self.above)]).collect()
    }

    /// The upper bound below which this share of all lies, from 0 to 1; `None` where nothing was counted, or where it
    /// lies above the last bound.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share).ceil();
        let mut seen = 0.0;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            seen += *count as f64;
            if seen >= wanted && seen > 0.0 {
                return Some(Duration::from_nanos(*bound));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::latency::{BOUNDS, Latency};
    use super::*;

    #[test]
    fn a_time_lands_under_its_bound() {
        let mut latency = Latency::new(&BOUNDS);
        assert_eq!(latency.quantile(0.5), None);
        for micros in [50, 51, 900, 6_000_000] {
            latency.record(Duration::from_micros(micros));
        }
        let buckets = latency.buckets();
        assert_eq!(buckets.len(), BOUNDS.len() + 1);
        assert_eq!((buckets[0].1, buckets[1].1, buckets[4].1), (1, 1, 1));
        assert_eq!(buckets[16], (f64::INFINITY, 1));
        assert_eq!(latency.count(), 4);
        assert!((latency.sum() - 6.001_001).abs() < 1e-9);
        assert_eq!(latency.quantile(0.5), Some(Duration::from_micros(100)));
        assert_eq!(latency.quantile(1.0), None, "above every bound");
    }
}
