//! A token bucket for heights (W11).
//!
//! Without it one request at height 2^62 from a compromised node would silence the validator for good. An
//! advance by n heights costs n tokens; tokens come back with time, as blocks do.

use std::time::Duration;

/// The bucket's shape; both are keys of `[[chain]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many heights may be skipped at once: what the bucket is topped up to.
    pub max_gap: u64,
    /// How many heights come back per second.
    pub max_blocks_per_second: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            max_gap: 1_000,
            max_blocks_per_second: 20,
        }
    }
}

impl Rate {
    /// How many whole tokens there are at the boot time `now`, of a bucket that had `tokens` at `counted`.
    pub fn level(&self, tokens: u64, counted: Duration, now: Duration) -> u64 {
        let mut bucket = Bucket {
            rate: *self,
            level: u128::from(tokens) * TOKEN,
            counted,
        };
        bucket.top_up(now);
        bucket.tokens()
    }
}

/// Tokens and when they were last counted.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: Rate,
    /// In billionths of a token, so that a nanosecond adds a whole number of them.
    level: u128,
    counted: Duration,
}

const TOKEN: u128 = 1_000_000_000;

impl Bucket {
    /// The bucket of a chain that is armed at `now`, `absent` after its record was written: it holds `max_gap`
    /// and what the absence has earned, so that a long absence is not an obstacle.
    pub fn new(rate: Rate, absent: Duration, now: Duration) -> Self {
        let level = u128::from(rate.max_gap) * TOKEN + earned(rate, absent);
        Self {
            rate,
            level,
            counted: now,
        }
    }

    /// The same bucket with another shape, from `now` on. What is above a lower ceiling is gone at once.
    pub fn reshape(&mut self, rate: Rate, now: Duration) {
        self.top_up(now);
        if rate.max_gap < self.rate.max_gap {
            self.level = self.level.min(u128::from(rate.max_gap) * TOKEN);
        }
        self.rate = rate;
    }

    /// Takes `heights` tokens at the boot time `now`, or takes nothing and says how many there are.
    pub fn take(&mut self, heights: u64, now: Duration) -> Result<(), u64> {
        self.top_up(now);
        let cost = u128::from(heights) * TOKEN;
        match self.level.checked_sub(cost) {
            Some(rest) => {
                self.level = rest;
                Ok(())
            }
            None => Err(self.tokens()),
        }
    }

    /// How many whole tokens there are.
    pub fn tokens(&self) -> u64 {
        u64::try_from(self.level / TOKEN).unwrap_or(u64::MAX)
    }

    /// When the tokens were counted, as boot time.
    pub fn counted(&self) -> Duration {
        self.counted
    }

    fn top_up(&mut self, now: Duration) {
        let ceiling = u128::from(self.rate.max_gap) * TOKEN;
        let fresh = earned(self.rate, now.saturating_sub(self.counted));
        self.counted = self.counted.max(now);
        // What an absence has earned above the ceiling stays.
        self.level = self.level.max(ceiling.min(self.level + fresh));
    }
}

fn earned(rate: Rate, time: Duration) -> u128 {
    u128::from(rate.max_blocks_per_second) * time.as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bucket(absent: u64) -> Bucket {
        Bucket::new(Rate::default(), Duration::from_secs(absent), Duration::ZERO)
    }

    #[test]
    fn an_absence_is_no_obstacle() {
        assert_eq!(bucket(0).tokens(), 1_000);
        assert_eq!(bucket(3_600).tokens(), 73_000);
        assert!(bucket(3_600).take(73_000, Duration::ZERO).is_ok());
    }

    #[test]
    fn a_loop_of_large_steps_runs_dry() {
        let mut bucket = bucket(0);
        assert!(bucket.take(1_000, Duration::ZERO).is_ok());
        assert_eq!(bucket.take(1, Duration::ZERO), Err(0));
        assert_eq!(bucket.take(21, SECOND), Err(20));
        assert!(bucket.take(20, SECOND).is_ok());
    }

    #[test]
    fn it_is_never_topped_up_beyond_the_gap() {
        let mut bucket = bucket(0);
        assert_eq!(bucket.take(1_001, 500 * SECOND), Err(1_000));
        assert_eq!(bucket.take(u64::MAX, 501 * SECOND), Err(1_000));
    }

    #[test]
    fn what_an_absence_has_earned_stays_and_is_not_topped_up() {
        let mut bucket = bucket(10);
        assert_eq!(bucket.tokens(), 1_200);
        assert!(bucket.take(1, SECOND).is_ok());
        assert_eq!(bucket.tokens(), 1_199);
        assert_eq!(bucket.counted(), SECOND);
    }

    #[test]
    fn a_look_says_what_the_bucket_would_say() {
        let rate = Rate::default();
        assert_eq!(rate.level(7, SECOND, SECOND), 7);
        assert_eq!(rate.level(7, SECOND, 3 * SECOND), 47);
        assert_eq!(rate.level(7, SECOND, 100 * SECOND), 1_000);
        assert_eq!(rate.level(5_000, SECOND, 100 * SECOND), 5_000);
        let mut bucket = bucket(0);
        assert!(bucket.take(900, 2 * SECOND).is_ok());
        let looked = rate.level(bucket.tokens(), bucket.counted(), 4 * SECOND);
        assert_eq!(bucket.take(u64::MAX, 4 * SECOND), Err(looked));
        assert_eq!(looked, 140);
    }

    #[test]
    fn another_shape_takes_tokens_at_once_and_gives_none() {
        let rate = |max_gap| Rate {
            max_gap,
            ..Rate::default()
        };
        let mut bucket = bucket(0);
        bucket.reshape(rate(100), Duration::ZERO);
        assert_eq!(bucket.tokens(), 100, "a lower ceiling clips");
        bucket.reshape(rate(5_000), Duration::ZERO);
        assert_eq!(bucket.tokens(), 100, "a higher one gives nothing by itself");
        bucket.reshape(rate(5_000), SECOND);
        assert_eq!(bucket.tokens(), 120, "time does");
        let mut rested = Bucket::new(Rate::default(), 10 * SECOND, Duration::ZERO);
        rested.reshape(rate(1_000), Duration::ZERO);
        assert_eq!(
            rested.tokens(),
            1_200,
            "what an absence has earned stays where nothing is lower"
        );
    }

    #[test]
    fn a_clock_set_back_adds_nothing() {
        let mut bucket = Bucket::new(Rate::default(), Duration::ZERO, 10 * SECOND);
        assert!(bucket.take(1_000, 5 * SECOND).is_ok());
        assert_eq!(bucket.take(1, 10 * SECOND), Err(0));
    }
}
