//! The beat of the process: how a link notices that everybody stood still (W16).
//!
//! A request that waits in a socket while the process is stopped, the virtual machine paused or the host suspended looks
//! like any other one afterwards. So one thread strikes twice a second, and the reader of a request compares: a beat that
//! is old, or a pause that somebody noticed since the link began, means that the request may be older than it seems.
//! Nothing is locked and nothing is counted per request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::os::clock::Moment;

/// How often it is struck.
pub const EVERY: Duration = Duration::from_millis(500);
/// A gap of less is how late a busy host runs a thread, and no pause.
const USUAL: Duration = Duration::from_secs(1);
/// A gap of more is a pause after which nothing that was queued is answered. With [`EVERY`] it is below the deadline of a
/// request, so no pause of that length is missed.
pub const PAUSE: Duration = Duration::from_secs(3);

/// When the process was last seen to run.
#[derive(Debug)]
pub struct Beat {
    /// Nanoseconds of boot time and of the wall clock. They need not be of one strike: half a second matters to nobody.
    boot: AtomicU64,
    wall: AtomicU64,
    /// How many pauses were noticed; two threads may notice the same one.
    pauses: AtomicU64,
}

impl Beat {
    /// Begins at `now`.
    pub fn new(now: &Moment) -> Self {
        Self {
            boot: AtomicU64::new(nanos(now.boot)),
            wall: AtomicU64::new(nanos(now.wall)),
            pauses: AtomicU64::new(0),
        }
    }

    /// One beat; `true` when a pause lies before it.
    pub fn strike(&self, now: &Moment) -> bool {
        let paused = self.gap(now) > PAUSE;
        if paused {
            // Before the clocks: a reader that sees them fresh sees this, too.
            self.pauses.fetch_add(1, Ordering::Release);
        }
        self.wall.store(nanos(now.wall), Ordering::Release);
        self.boot.store(nanos(now.boot), Ordering::Release);
        paused
    }

    /// How many pauses were noticed so far.
    pub fn pauses(&self) -> u64 {
        self.pauses.load(Ordering::Acquire)
    }

    /// When what was read at `read_at` may have come in at the earliest, for a link that began when `seen` pauses were
    /// known; `None` after a pause.
    pub fn arrival(&self, read_at: &Moment, seen: u64) -> Option<Moment> {
        let gap = self.gap(read_at);
        if gap > PAUSE {
            // This thread woke first. It notices the pause, so that the next link begins after it.
            self.strike(read_at);
            return None;
        }
        if self.pauses() != seen {
            return None;
        }
        Some(match gap > USUAL {
            true => read_at.earlier_by(gap),
            false => *read_at,
        })
    }

    /// The time since the last beat by whichever of boot time and wall clock says longer; a clock that was set back
    /// counts as no time.
    fn gap(&self, now: &Moment) -> Duration {
        let boot = Duration::from_nanos(self.boot.load(Ordering::Acquire));
        let wall = Duration::from_nanos(self.wall.load(Ordering::Acquire));
        let since = |now: Duration, then| now.saturating_sub(then);
        since(now.boot, boot).max(since(now.wall, wall))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many milliseconds of each clock after an arbitrary start.
    fn at(monotonic: u64, boot: u64, wall: u64) -> Moment {
        let time = |milliseconds| Duration::from_millis(1_000_000 + milliseconds);
        Moment {
            monotonic: time(monotonic),
            boot: time(boot),
            wall: time(wall),
        }
    }

    #[test]
    fn while_it_beats_a_request_came_when_it_was_read() {
        let beat = Beat::new(&at(0, 0, 0));
        assert!(!beat.strike(&at(500, 500, 500)));
        let read_at = at(900, 900, 900);
        assert_eq!(beat.arrival(&read_at, 0), Some(read_at));
    }

    #[test]
    fn whoever_wakes_first_after_a_pause_nothing_that_waited_is_answered() {
        // Stopped (all clocks go on), suspended (boot and wall do), a paused machine whose clock was set.
        for after in [
            at(6_000, 6_000, 6_000),
            at(10, 6_000, 6_000),
            at(10, 10, 6_000),
        ] {
            let beat = Beat::new(&at(0, 0, 0));
            assert_eq!(beat.arrival(&after, 0), None, "the link woke first");
            assert_eq!(beat.arrival(&after, 0), None, "another link, behind it");
            assert_eq!(beat.arrival(&after, 1), Some(after), "a new link");
            let beat = Beat::new(&at(0, 0, 0));
            assert!(beat.strike(&after), "the beat came first");
            assert_eq!(beat.arrival(&after, 0), None);
            assert_eq!(beat.arrival(&after, 1), Some(after));
        }
    }

    #[test]
    fn a_shorter_stop_counts_for_what_waited_meanwhile() {
        let beat = Beat::new(&at(0, 0, 0));
        let read_at = at(2_000, 2_000, 2_000);
        assert_eq!(beat.arrival(&read_at, 0), Some(at(0, 0, 0)));
    }

    #[test]
    fn a_clock_that_is_set_back_is_no_pause() {
        let beat = Beat::new(&at(0, 0, 60_000));
        let read_at = at(100, 100, 0);
        assert_eq!(beat.arrival(&read_at, 0), Some(read_at));
        assert!(!beat.strike(&read_at));
    }

    #[test]
    fn no_pause_of_the_deadline_is_missed() {
        assert!(PAUSE + EVERY <= crate::chain::DEADLINE);
    }
}
