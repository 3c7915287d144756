//! What a gate shows to anyone who must not wait for it: status, metrics, the status page.
//!
//! A gate is busy while it writes to a disk, and who looks at it must never make a vote wait. So the gate publishes a
//! snapshot of itself whenever it did something, and readers take the last one without a lock.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::consensus::Hrs;

use super::heights::bucket::Rate;

/// What there is to see of a gate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateSnapshot {
    /// The watermark's position.
    pub last: Option<Hrs>,
    /// Where it was when the gate was armed.
    pub begun: Option<Hrs>,
    /// The first position that it was moved to since, by a request here.
    pub first: Option<Hrs>,
    /// When the record was written, by the wall clock: time since 1970-01-01 UTC.
    pub written: Duration,
    /// The tokens of the bucket when they were last counted (W11).
    pub tokens: u64,
    /// When that was, as boot time.
    pub counted: Duration,
    /// The shape of the bucket.
    pub rate: Rate,
    /// Why the store does not work, if so.
    pub broken: Option<Arc<str>>,
}

/// Where one gate shows its snapshots.
#[derive(Default)]
pub(super) struct Publisher {
    shown: Arc<ArcSwap<GateSnapshot>>,
    /// The snapshot before, to be filled again: a vote allocates nothing here, unless a reader still holds it.
    spare: Arc<GateSnapshot>,
}

impl Publisher {
    /// Shows something new.
    pub fn show(&mut self, snapshot: GateSnapshot) {
        match Arc::get_mut(&mut self.spare) {
            Some(spare) => *spare = snapshot,
            None => self.spare = Arc::new(snapshot),
        }
        self.spare = self.shown.swap(self.spare.clone());
    }

    /// For a reader.
    pub fn reader(&self) -> SnapshotReader {
        SnapshotReader(self.shown.clone())
    }
}

/// Reads what a gate showed last, without waiting for it and without making it wait.
#[derive(Clone)]
pub struct SnapshotReader(Arc<ArcSwap<GateSnapshot>>);

impl SnapshotReader {
    /// What was shown last.
    pub fn look(&self) -> GateSnapshot {
        GateSnapshot::clone(&self.0.load())
    }

    /// Whether the gate's store does not work.
    pub fn is_broken(&self) -> bool {
        self.0.load().broken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::consensus::{Height, Round, Step};

    fn snapshot(n: u64) -> GateSnapshot {
        let step = [Step::Propose, Step::Prevote, Step::Precommit][(n % 3) as usize];
        GateSnapshot {
            last: Some(Hrs {
                height: Height::new(n as i64 + 1).unwrap(),
                round: Round::new((n % 1_000) as i32).unwrap(),
                step,
            }),
            begun: None,
            first: None,
            written: Duration::from_nanos(n),
            tokens: n,
            counted: Duration::from_nanos(n),
            rate: Rate::default(),
            broken: n.is_multiple_of(5).then(|| n.to_string().into()),
        }
    }

    #[test]
    fn what_is_shown_is_seen() {
        let mut publisher = Publisher::default();
        let reader = publisher.reader();
        assert_eq!(reader.look(), GateSnapshot::default());
        for n in [0, 7, u64::from(u32::MAX)] {
            publisher.show(snapshot(n));
            assert_eq!(reader.look(), snapshot(n));
            assert_eq!(reader.is_broken(), snapshot(n).broken.is_some());
        }
    }

    #[test]
    fn nobody_sees_a_half() {
        let mut publisher = Publisher::default();
        let (reader, done) = (publisher.reader(), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let seen = reader.look();
                        if seen != GateSnapshot::default() {
                            assert_eq!(seen, snapshot(seen.tokens));
                        }
                    }
                });
            }
            for n in 0..200_000 {
                publisher.show(snapshot(n));
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    /// A vote allocates nothing to be seen, however many came before it.
    #[test]
    fn two_snapshots_are_filled_in_turn() {
        let mut publisher = Publisher::default();
        let reader = publisher.reader();
        let mut places = BTreeSet::new();
        for n in 0..100 {
            publisher.show(snapshot(n));
            places.insert(Arc::as_ptr(&publisher.shown.load_full()));
            assert_eq!(reader.look(), snapshot(n));
        }
        assert_eq!(places.len(), 2);
        // A reader that keeps one costs one more, and the one that it keeps does not change.
        let kept = publisher.shown.load_full();
        for n in 100..200 {
            publisher.show(snapshot(n));
            places.insert(Arc::as_ptr(&publisher.shown.load_full()));
        }
        assert_eq!(*kept, snapshot(99));
        assert_eq!(places.len(), 3);
    }
}
