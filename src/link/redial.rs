//! When to dial again: at once after a link that lived, otherwise after 100 ms that double to at most 1 s.
//!
//! A node waits 3 s for its signer at start and then exits, so the ceiling must stay well below that
//! (`docs/pitfalls.md`).

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const CEILING: Duration = Duration::from_secs(1);

/// The delays of one link.
#[derive(Clone, Debug, Default)]
pub struct Redial {
    failures: u32,
}

impl Redial {
    /// A link that received at least one request has ended.
    pub fn lived(&mut self) {
        self.failures = 0;
    }

    /// How long to wait before the next attempt; `random` spreads it by up to a fifth either way, and never
    /// above the ceiling.
    pub fn delay(&mut self, random: u32) -> Duration {
        let failures = self.failures;
        self.failures = failures.saturating_add(1);
        if failures == 0 {
            return Duration::ZERO;
        }
        let doubled = FIRST
            .saturating_mul(1 << (failures - 1).min(10))
            .min(CEILING);
        // 80 % to 120 %.
        let percent = 80 + random % 41;
        (doubled.saturating_mul(percent) / 100).min(CEILING)
    }

    /// The same for a link that may stand in its node's line: then it waits there, and nowhere else, or the node that turns to it
    /// would wait for it.
    pub fn delay_outside_of_line(&mut self, is_in_line: bool, random: u32) -> Duration {
        match is_in_line {
            true => {
                self.lived();
                Duration::ZERO
            }
            false => self.delay(random),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_once_then_from_a_tenth_to_a_second() {
        let mut redial = Redial::default();
        assert_eq!(redial.delay(20), Duration::ZERO);
        let delays: Vec<_> = (0..6).map(|_| redial.delay(20).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
        redial.lived();
        assert_eq!(redial.delay(20), Duration::ZERO);
        assert!(redial.delay(0) >= Duration::from_millis(80));
    }

    #[test]
    fn whoever_stands_in_line_stays_there() {
        let mut redial = Redial { failures: 7 };
        for _ in 0..9 {
            assert_eq!(redial.delay_outside_of_line(true, 20), Duration::ZERO);
        }
        // And finds the node again at once when that restarts.
        assert_eq!(redial.delay_outside_of_line(false, 20), Duration::ZERO);
    }

    #[test]
    fn never_above_the_ceiling_and_never_ending() {
        let mut redial = Redial {
            failures: u32::MAX - 2,
        };
        for random in [0, 40, u32::MAX, 7] {
            assert!(redial.delay(random) <= CEILING);
            assert!(redial.delay(random) >= Duration::from_millis(80));
        }
    }
}
