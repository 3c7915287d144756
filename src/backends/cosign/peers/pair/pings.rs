//! Pings that were sent, and what their answers say.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many may be under way.
const MOST: usize = 8;

/// The pings of one link.
#[derive(Default)]
pub(super) struct Pings {
    last: u64,
    under_way: VecDeque<(u64, Instant)>,
    answered: u64,
    round_trip: Option<Duration>,
}

impl Pings {
    /// The number of one that leaves now.
    pub(super) fn next(&mut self, now: Instant) -> u64 {
        self.last = self.last.saturating_add(1);
        while self.under_way.len() >= MOST {
            self.under_way.pop_front();
        }
        self.under_way.push_back((self.last, now));
        self.last
    }

    /// The answer to one of them came; to anything else it is none.
    pub(super) fn answered(&mut self, number: u64, now: Instant) {
        let at = self.under_way.iter().position(|(sent, _)| *sent == number);
        if let Some((_, sent)) = at.and_then(|at| self.under_way.remove(at)) {
            self.answered = self.answered.saturating_add(1);
            self.round_trip = Some(now.saturating_duration_since(sent));
        }
    }

    /// So many were answered.
    pub(super) fn answers(&self) -> u64 {
        self.answered
    }

    /// Of the last one that was answered.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_a_ping_under_way_counts_and_once() {
        let (mut pings, began) = (Pings::default(), Instant::now());
        let later = |milliseconds| began + Duration::from_millis(milliseconds);
        let first = pings.next(began);
        let second = pings.next(later(10));
        for stray in [0, second + 1, u64::MAX] {
            pings.answered(stray, later(11));
        }
        assert_eq!((pings.answers(), pings.round_trip()), (0, None));
        pings.answered(second, later(13));
        pings.answered(second, later(20));
        assert_eq!(pings.answers(), 1);
        assert_eq!(pings.round_trip(), Some(Duration::from_millis(3)));
        pings.answered(first, later(30));
        assert_eq!(pings.round_trip(), Some(Duration::from_millis(30)));
        for _ in 0..100 {
            pings.next(began);
        }
        assert_eq!(pings.under_way.len(), MOST);
    }
}
