//! What a gate shows to whoever must not wait for it: status, metrics, the status page.
//!
//! A gate is busy while it writes to a disk, and who looks at it must never make a vote wait. So the holder of the gate
//! publishes a few numbers, and readers take them without a lock: the numbers carry a version, which is odd while they
//! change, and a reader that saw them change looks again.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};
use std::time::Duration;

use crate::consensus::{Height, Hrs, Round, Step};

use super::Gate;
use super::heights::bucket::Rate;
use super::store::Origin;

/// What there is to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateSnapshot {
    /// The last position used up.
    pub last: Option<Hrs>,
    /// When the record was written, by the wall clock.
    pub written: Duration,
    /// The tokens of the bucket when they were last counted (W11).
    pub tokens: u64,
    /// When that was, as boot time.
    pub counted: Duration,
}

/// Where one writer shows a [`GateSnapshot`] to any number of readers.
#[derive(Debug, Default)]
pub struct SnapshotCell {
    version: AtomicU64,
    /// 0 where nothing is used up.
    height: AtomicI64,
    /// Round and step.
    place: AtomicU64,
    written: AtomicU64,
    tokens: AtomicU64,
    counted: AtomicU64,
}

impl SnapshotCell {
    /// Shows something new. One writer at a time: the holder of the gate.
    pub fn show(&self, snapshot: &GateSnapshot) {
        let version = self.version.load(Ordering::Relaxed);
        self.version
            .store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        let (height, place) = snapshot.last.map_or((0, 0), |hrs| {
            let round = u64::try_from(hrs.round.get()).unwrap_or(0);
            (hrs.height.get(), round << 8 | u64::from(hrs.step.number()))
        });
        self.height.store(height, Ordering::Relaxed);
        self.place.store(place, Ordering::Relaxed);
        self.written
            .store(nanos(snapshot.written), Ordering::Relaxed);
        self.tokens.store(snapshot.tokens, Ordering::Relaxed);
        self.counted
            .store(nanos(snapshot.counted), Ordering::Relaxed);
        self.version
            .store(version.wrapping_add(2), Ordering::Release);
    }

    /// What was shown last.
    pub fn look(&self) -> GateSnapshot {
        let mut tries = 0_u32;
        loop {
            let before = self.version.load(Ordering::Acquire);
            let snapshot = self.read();
            fence(Ordering::Acquire);
            let after = self.version.load(Ordering::Relaxed);
            // A writer that was interrupted in the middle may be away for long; what is seen then may mix two
            // positions, and is only shown.
            if (before == after && before.is_multiple_of(2)) || tries == 1_000 {
                return snapshot;
            }
            tries += 1;
            match tries < 64 {
                true => std::thread::yield_now(),
                false => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn read(&self) -> GateSnapshot {
        let height = self.height.load(Ordering::Relaxed);
        let place = self.place.load(Ordering::Relaxed);
        GateSnapshot {
            last: hrs(height, place),
            written: Duration::from_nanos(self.written.load(Ordering::Relaxed)),
            tokens: self.tokens.load(Ordering::Relaxed),
            counted: Duration::from_nanos(self.counted.load(Ordering::Relaxed)),
        }
    }
}

impl Gate {
    /// What `status` and the metrics show without waiting for the gate.
    pub fn snapshot(&self) -> GateSnapshot {
        GateSnapshot {
            last: self.mark.hrs(),
            written: self.written,
            tokens: self.bucket.tokens(),
            counted: self.bucket.counted(),
        }
    }

    /// What the durable write of the last [`Gate::admit`] took; `None` where it came to none.
    pub fn persisted_in(&self) -> Option<Duration> {
        self.persisting
    }

    /// The shape of the token bucket.
    pub fn rate(&self) -> Rate {
        self.settings.rate
    }

    /// The height of the last message asked for, unless the operator set the watermark since.
    pub fn last_asked(&self) -> Option<Height> {
        match self.origin {
            Origin::Request => self.mark.hrs().map(|hrs| hrs.height),
            Origin::Begun | Origin::Raised | Origin::HandedOver => None,
        }
    }
}

fn hrs(height: i64, place: u64) -> Option<Hrs> {
    Some(Hrs {
        height: Height::new(height)?,
        round: Round::new(i32::try_from(place >> 8).ok()?)?,
        step: Step::from_number(u8::try_from(place & 0xff).ok()?)?,
    })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    fn snapshot(n: u64) -> GateSnapshot {
        let step = [Step::Propose, Step::Prevote, Step::Precommit][(n % 3) as usize];
        GateSnapshot {
            last: Some(Hrs {
                height: Height::new(n as i64 + 1).unwrap(),
                round: Round::new((n % 1_000) as i32).unwrap(),
                step,
            }),
            written: Duration::from_nanos(n),
            tokens: n,
            counted: Duration::from_nanos(n),
        }
    }

    #[test]
    fn what_is_shown_is_seen() {
        let shown = SnapshotCell::default();
        assert_eq!(shown.look(), GateSnapshot::default());
        for n in [0, 7, u64::from(u32::MAX)] {
            shown.show(&snapshot(n));
            assert_eq!(shown.look(), snapshot(n));
        }
        let top = GateSnapshot {
            last: Some(Hrs::end_of(Height::new(i64::MAX).unwrap())),
            ..snapshot(1)
        };
        shown.show(&top);
        assert_eq!(shown.look(), top);
    }

    #[test]
    fn nobody_sees_a_half() {
        let (shown, done) = (SnapshotCell::default(), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let seen = shown.look();
                        if seen != GateSnapshot::default() {
                            assert_eq!(seen, snapshot(seen.tokens));
                        }
                    }
                });
            }
            for n in 0..200_000 {
                shown.show(&snapshot(n));
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
