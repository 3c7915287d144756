//! Which of a chain's keys signs at which height (W23): pure, nothing is signed or opened here.

use crate::consensus::Height;

/// The keys of a chain: at each height exactly one of them signs.
#[derive(Clone, Debug)]
pub struct KeySchedule<K> {
    first: K,
    /// By rising heights: at that height and above the key before it signs no more.
    later: Vec<(Height, K)>,
}

impl<K> KeySchedule<K> {
    /// One key, whatever the height.
    pub fn only(key: K) -> Self {
        Self::new(key, Vec::new())
    }

    /// `first` below the lowest height, and each of the others from its height on.
    pub fn new(first: K, mut later: Vec<(Height, K)>) -> Self {
        later.sort_by_key(|(from, _)| *from);
        Self { first, later }
    }

    /// The key that signs at this height, and no other does.
    pub fn at(&self, height: Height) -> &K {
        let begun = self.later.iter().rev().find(|(from, _)| height >= *from);
        begun.map_or(&self.first, |(_, key)| key)
    }

    /// All keys, each with the height from which on it signs.
    pub fn all(&self) -> impl Iterator<Item = (Option<Height>, &K)> {
        let later = self.later.iter().map(|(from, key)| (Some(*from), key));
        std::iter::once((None, &self.first)).chain(later)
    }

    /// The only key, where there is one.
    pub fn single(&self) -> Option<&K> {
        self.later.is_empty().then_some(&self.first)
    }

    /// The highest of what its keys have used, of each as `last` gives it. A state that was begun below the first height of
    /// its key says nothing of the chain.
    pub fn last<P: Ord>(
        &self,
        last: impl Fn(&K) -> Option<P>,
        height: impl Fn(&P) -> Height,
    ) -> Option<P> {
        let used = self.all().filter_map(|(from, key)| {
            let last = last(key)?;
            from.is_none_or(|from| height(&last) >= from)
                .then_some(last)
        });
        used.max()
    }

    /// Where a request for this height would be the first of its key at a height of its own: what the chain has used until then,
    /// with the key that used it, if anything is known. The state of that key was begun below its first height, so the advance
    /// is none of its own, and is measured by the key before.
    pub fn before_the_first(
        &self,
        height: Height,
        last: impl Fn(&K) -> Option<Height>,
    ) -> Option<(&K, Height)> {
        let (from, key) = self.later.iter().rev().find(|(from, _)| height >= *from)?;
        if last(key).is_some_and(|last| last >= *from) {
            return None;
        }
        let used = self.all().filter_map(|(from, key)| {
            let last = last(key)?;
            from.is_none_or(|from| last >= from).then_some((key, last))
        });
        used.max_by_key(|(_, last)| *last)
    }

    /// The key of the next height: the one after the highest that was used, of each key as `last` gives it, or that the chain has
    /// left behind by another word.
    pub fn active(&self, behind: Option<Height>, last: impl Fn(&K) -> Option<Height>) -> &K {
        match self.last(last, |height| *height).max(behind) {
            None => &self.first,
            Some(used) => self.at(Height::new(used.get().saturating_add(1)).unwrap_or(used)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn height(height: i64) -> Height {
        Height::new(height).unwrap()
    }

    fn three() -> KeySchedule<&'static str> {
        // As it stands in no particular order.
        KeySchedule::new("a", vec![(height(200), "c"), (height(100), "b")])
    }

    #[test]
    fn one_key_signs_at_each_height() {
        let keys = three();
        for (at, key) in [
            (1, "a"),
            (99, "a"),
            (100, "b"),
            (101, "b"),
            (199, "b"),
            (200, "c"),
            (i64::MAX, "c"),
        ] {
            assert_eq!(*keys.at(height(at)), key, "{at}");
        }
        let from_the_first = KeySchedule::new("a", vec![(height(1), "b")]);
        assert_eq!(*from_the_first.at(height(1)), "b");
        let only = KeySchedule::only("a");
        assert_eq!(
            (*only.at(height(1)), *only.at(height(i64::MAX))),
            ("a", "a")
        );
        assert_eq!((only.single(), keys.single()), (Some(&"a"), None));
    }

    /// By counting: there is no height at which two keys or none would sign, and a key signs in one piece.
    #[test]
    fn the_heights_of_all_keys_are_all_heights() {
        let keys = three();
        let mut spans: BTreeMap<&str, (i64, i64, i64)> = BTreeMap::new();
        for at in 1..=300 {
            let span = spans.entry(keys.at(height(at))).or_insert((at, at, 0));
            (span.1, span.2) = (at, span.2 + 1);
        }
        let expected = [
            ("a", (1, 99, 99)),
            ("b", (100, 199, 100)),
            ("c", (200, 300, 101)),
        ];
        assert_eq!(spans, BTreeMap::from(expected));
    }

    #[test]
    fn the_first_request_of_a_key_is_measured_by_the_key_before_it() {
        let before = |a: i64, b: i64, c: i64, at: i64| {
            let last = BTreeMap::from([("a", a), ("b", b), ("c", c)]);
            let keys = three();
            let found = keys.before_the_first(height(at), |key| Height::new(last[key]));
            found.map(|(key, last)| (*key, last.get()))
        };
        assert_eq!(before(50, 99, 199, 99), None, "the first key has its own");
        assert_eq!(before(50, 99, 199, 100), Some(("a", 50)));
        assert_eq!(before(50, 0, 0, 100), Some(("a", 50)), "begun with nothing");
        assert_eq!(
            before(50, 99, 199, 250),
            Some(("a", 50)),
            "past a key in between"
        );
        assert_eq!(before(50, 100, 199, 150), None, "it has begun");
        assert_eq!(before(50, 100, 199, 250), Some(("b", 100)));
        assert_eq!(
            before(150, 100, 199, 250),
            Some(("a", 150)),
            "the height was moved"
        );
        assert_eq!(before(0, 99, 199, 100), None, "nothing is known");
    }

    #[test]
    fn the_active_key_is_that_of_the_height_after_the_last_one() {
        let active = |a: i64, b: i64, c: i64| {
            let last = BTreeMap::from([("a", a), ("b", b), ("c", c)]);
            *three().active(None, |key| Height::new(last[key]))
        };
        let behind = |at| *three().active(Some(height(at)), |_| Height::new(50));
        assert_eq!(
            (behind(20), behind(98), behind(99), behind(300)),
            ("a", "a", "b", "c")
        );
        assert_eq!(active(0, 0, 0), "a", "nothing was signed");
        // As `state init` begins the states of keys that wait for their turn.
        assert_eq!(active(0, 99, 199), "a", "a state that waits says nothing");
        assert_eq!(active(50, 99, 199), "a");
        assert_eq!(active(98, 99, 199), "a");
        assert_eq!(active(99, 99, 199), "b", "the border");
        assert_eq!(active(99, 100, 199), "b");
        assert_eq!(active(99, 198, 199), "b");
        assert_eq!(active(99, 199, 199), "c");
        assert_eq!(active(99, 199, 250), "c");
        // The height of the second key was set after it had passed: the first one signed at and above it.
        assert_eq!(active(150, 99, 0), "b");
        assert_eq!(active(250, 99, 0), "c");
        assert_eq!(active(i64::MAX, 0, 0), "c");
    }
}
