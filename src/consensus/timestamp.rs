//! The time that a node writes into a vote or proposal.

use std::fmt;

/// A protobuf timestamp: seconds and nanoseconds since 1970-01-01 UTC, carried as the node sent it.
///
/// Go's zero time (year 1, seconds −62135596800) must round-trip, and nothing here interprets the value, so
/// every pair of fields is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 UTC; negative before.
    pub seconds: i64,
    /// Nanoseconds, 0 to 999,999,999 where well formed.
    pub nanos: i32,
}

/// The seconds of the years 1 to 9999.
const YEARS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

impl Timestamp {
    /// Whether a node can have sent it: the bounds are those of Go's `StdTimeUnmarshal`, which fails for a year outside 1 to
    /// 9999 or nanoseconds outside of a second.
    pub fn is_of_a_node(&self) -> bool {
        YEARS.contains(&self.seconds) && (0..=999_999_999).contains(&self.nanos)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanos)
    }
}
