//! How long things took: counts by upper bound, of a fixed size.

use std::time::Duration;

/// The upper bounds in nanoseconds; one more bucket has none.
pub const BOUNDS: [u64; 16] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
];

/// Counts by upper bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    counts: [u64; BOUNDS.len() + 1],
    /// In nanoseconds; enough for 584 years.
    sum: u64,
}

impl Latency {
    /// Counts one.
    pub fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < nanos);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(nanos);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all in seconds.
    pub fn sum(&self) -> f64 {
        Duration::from_nanos(self.sum).as_secs_f64()
    }

    /// Each upper bound in seconds, the last one infinite, with the count of its own bucket.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS.iter().map(|nanos| *nanos as f64 / 1e9);
        bounds
            .chain([f64::INFINITY])
            .zip(self.counts.iter().copied())
            .collect()
    }

    /// The upper bound below which this share of all lies, from 0 to 1; `None` where nothing was counted, or where it
    /// lies above the last bound.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share).ceil();
        let mut seen = 0.0;
        for (bound, count) in BOUNDS.iter().zip(&self.counts) {
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
    use super::*;

    #[test]
    fn a_time_lands_under_its_bound() {
        let mut latency = Latency::default();
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
