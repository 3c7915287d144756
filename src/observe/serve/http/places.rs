//! Which clients stay connected, and which one goes when there is no place left: the oldest that has not asked anything yet.
//!
//! A probe that asks at once gets in however many hold connections open and say nothing, or little.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long an answer may be on its way before another visitor may have the place. One is made in a moment, and a visitor
/// who reads takes it in a moment.
const TAKING: Duration = Duration::from_millis(500);

/// The places, by the order in which they were taken.
pub(super) struct Places<T> {
    most: usize,
    next: u64,
    taken: BTreeMap<u64, Place<T>>,
}

/// A place that is taken.
struct Place<T> {
    /// What ends the connection.
    end: T,
    /// When its request was complete.
    asked: Option<Instant>,
}

impl<T> Places<T> {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            next: 0,
            taken: BTreeMap::new(),
        }
    }

    /// Takes a place with `make`, which gets its number. To be called when there is one.
    pub fn take(&mut self, make: impl FnOnce(u64) -> T) {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let (end, asked) = (make(number), None);
        self.taken.insert(number, Place { end, asked });
    }

    /// The request of this one is complete.
    pub fn asked(&mut self, number: u64, now: Instant) {
        if let Some(place) = self.taken.get_mut(&number) {
            place.asked = Some(now);
        }
    }

    /// This one went by itself.
    pub fn leave(&mut self, number: u64) {
        self.taken.remove(&number);
    }

    pub fn is_full(&self) -> bool {
        self.taken.len() >= self.most
    }

    /// Whose turn it is to go: the oldest that has not asked, or else the oldest that does not take its answer.
    pub fn show_out(&mut self, now: Instant) -> Option<T> {
        let stalls = |place: &Place<T>| {
            place
                .asked
                .is_some_and(|asked| now.saturating_duration_since(asked) > TAKING)
        };
        let find = |wanted: &dyn Fn(&Place<T>) -> bool| {
            let mut taken = self.taken.iter();
            taken.find(|(_, place)| wanted(place)).map(|found| *found.0)
        };
        let number = find(&|place| place.asked.is_none()).or_else(|| find(&stalls))?;
        self.taken.remove(&number).map(|place| place.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Places<u64> {
        let mut places = Places::new(3);
        for _ in 0..3 {
            assert!(!places.is_full());
            places.take(|number| number);
        }
        assert!(places.is_full());
        places
    }

    #[test]
    fn the_oldest_that_has_not_asked_goes_first() {
        let (mut places, now) = (three(), Instant::now());
        places.asked(0, now);
        let later = now + Duration::from_secs(9);
        assert_eq!(places.show_out(later), Some(1), "0 is being answered");
        places.take(|number| number);
        assert_eq!(places.show_out(later), Some(2));
        assert_eq!(places.show_out(later), Some(3));
        assert_eq!(places.show_out(later), Some(0), "it does not take it");
        assert_eq!(places.show_out(later), None);
    }

    #[test]
    fn who_is_being_answered_stays() {
        let (mut places, now) = (three(), Instant::now());
        (0..3).for_each(|number| places.asked(number, now));
        assert_eq!(places.show_out(now + TAKING), None);
        places.leave(1);
        assert!(!places.is_full());
        places.asked(1, now);
        assert!(!places.is_full(), "gone for good");
        let later = now + TAKING + Duration::from_millis(1);
        assert_eq!(places.show_out(later), Some(0));
    }
}
