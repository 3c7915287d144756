//! How long things took.

use super::histogram::Histogram;

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

/// How long things took, by upper bound.
pub type Latency = Histogram<{ BOUNDS.len() }>;
