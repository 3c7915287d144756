//! Time, read three ways, because each way answers another question.
//!
//! - *monotonic* (`CLOCK_MONOTONIC`): how long this process has waited. It stands still while the host is suspended.
//! - *boot* (`CLOCK_BOOTTIME`): as above, but it also counts the time a host was suspended. Where a system
//!   does not have it, the monotonic clock stands in.
//! - *wall*: what a watch on the wall shows. It jumps when a paused virtual machine is resumed, which is the
//!   only trace that such a pause leaves (W16).
//!
//! Decisions take a [`Moment`] as a value, so tests can make time pass as they like.

use std::time::{Duration, SystemTime};

/// One reading of all three clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Time since an arbitrary start, without suspension.
    pub monotonic: Duration,
    /// Time since boot, suspension included.
    pub boot: Duration,
    /// Time since 1970-01-01 UTC; zero if the wall clock stands before that.
    pub wall: Duration,
}

impl Moment {
    /// How long after `earlier` this moment is, by whichever of boot time and wall clock says longer (W16).
    /// A clock that went backwards counts as no time.
    pub fn longest_since(&self, earlier: &Moment) -> Duration {
        let boot = self.boot.saturating_sub(earlier.boot);
        let wall = self.wall.saturating_sub(earlier.wall);
        boot.max(wall)
    }

    /// The moment so much before this one, by all three clocks.
    pub fn earlier_by(&self, time: Duration) -> Moment {
        Moment {
            monotonic: self.monotonic.saturating_sub(time),
            boot: self.boot.saturating_sub(time),
            wall: self.wall.saturating_sub(time),
        }
    }

    /// How long after `earlier` this moment is by the monotonic clock.
    pub fn since(&self, earlier: &Moment) -> Duration {
        self.monotonic.saturating_sub(earlier.monotonic)
    }
}

/// A source of [`Moment`]s.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Moment;

    /// Only the monotonic clock, which is a third of the work.
    fn monotonic(&self) -> Duration {
        self.now().monotonic
    }
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment {
            monotonic: read(rustix::time::ClockId::Monotonic),
            boot: boot_time(),
            wall: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    fn monotonic(&self) -> Duration {
        read(rustix::time::ClockId::Monotonic)
    }
}

/// The processor time of all threads of this process.
pub fn cpu_time() -> Duration {
    read(rustix::time::ClockId::ProcessCPUTime)
}

#[cfg(target_os = "linux")]
fn boot_time() -> Duration {
    read(rustix::time::ClockId::Boottime)
}

#[cfg(not(target_os = "linux"))]
fn boot_time() -> Duration {
    read(rustix::time::ClockId::Monotonic)
}

fn read(clock: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: u64, wall: u64) -> Moment {
        Moment {
            monotonic: Duration::from_secs(boot),
            boot: Duration::from_secs(boot),
            wall: Duration::from_secs(wall),
        }
    }

    #[test]
    fn either_clock_alone_shows_a_pause() {
        assert_eq!(
            at(10, 1_000).longest_since(&at(3, 1_000)),
            Duration::from_secs(7)
        );
        assert_eq!(
            at(3, 1_009).longest_since(&at(3, 1_000)),
            Duration::from_secs(9)
        );
    }

    #[test]
    fn a_clock_set_back_counts_as_no_time() {
        assert_eq!(at(3, 500).longest_since(&at(3, 1_000)), Duration::ZERO);
    }

    #[test]
    fn the_system_clock_moves_forward() {
        let clock = SystemClock;
        let first = clock.now();
        assert!(clock.now().monotonic >= first.monotonic);
    }
}
