//! How long a signature usually takes, and who takes longer: after twice the usual time others are asked beside who is late.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::shares::Quorum;

/// Before anything was signed.
const FIRST: Duration = Duration::from_millis(50);
/// Others are not asked sooner: a disk takes so long now and then.
const SHORTEST: Duration = Duration::from_millis(25);
/// Nor later: of the time that a node waits enough must be left.
const LONGEST: Duration = Duration::from_millis(400);
/// Who is late is not waited for so long, then twice, and so on.
const REST: Duration = Duration::from_secs(10);
/// The longest of these times is `REST` times two to this power: about five minutes.
const DOUBLINGS: u32 = 5;

/// No lock: chains of one section share it.
#[derive(Debug)]
pub(super) struct Pace {
    /// In microseconds.
    usual: AtomicU64,
    /// One for each member, from 1.
    members: Vec<MemberPace>,
}

#[derive(Debug, Default)]
struct MemberPace {
    /// By the monotonic clock, in milliseconds; 0 for never.
    slow_until: AtomicU64,
    /// So often in a row it was late.
    times: AtomicU32,
}

impl Pace {
    /// Of so many members.
    pub fn of(quorum: Quorum) -> Self {
        Self {
            usual: AtomicU64::new(micros(FIRST)),
            members: (0..quorum.members())
                .map(|_| MemberPace::default())
                .collect(),
        }
    }

    /// When others are asked beside those that have not answered.
    pub fn patience(&self) -> Duration {
        let usual = Duration::from_micros(self.usual.load(Ordering::Relaxed));
        (usual * 2).clamp(SHORTEST, LONGEST)
    }

    /// A signature was made in this time.
    pub fn took(&self, time: Duration) {
        let before = self.usual.load(Ordering::Relaxed);
        // The mean of about the last eight. Of two at once one may be lost.
        let now = before - before / 8 + micros(time.min(LONGEST)) / 8;
        self.usual.store(now, Ordering::Relaxed);
    }

    /// A member was late at this reading of the monotonic clock.
    pub fn is_late(&self, member: u16, now: Duration) {
        if let Some(pace) = self.member(member) {
            let times = pace.times.fetch_add(1, Ordering::Relaxed).min(DOUBLINGS);
            let until = now + REST * 2_u32.pow(times);
            pace.slow_until.store(millis(until), Ordering::Relaxed);
        }
    }

    /// It answered in time.
    pub fn is_in_time(&self, member: u16) {
        if let Some(pace) = self.member(member) {
            pace.times.store(0, Ordering::Relaxed);
            pace.slow_until.store(0, Ordering::Relaxed);
        }
    }

    /// Who is not waited for at this reading of the monotonic clock.
    pub fn slow(&self, now: Duration) -> BTreeSet<u16> {
        let is_slow = |pace: &MemberPace| pace.slow_until.load(Ordering::Relaxed) > millis(now);
        let numbered = (1_u16..).zip(&self.members);
        numbered
            .filter(|(_, pace)| is_slow(pace))
            .map(|(id, _)| id)
            .collect()
    }

    fn member(&self, member: u16) -> Option<&MemberPace> {
        self.members.get(usize::from(member.checked_sub(1)?))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_late_rests_longer_each_time_and_is_tried_again() {
        let pace = Pace::of(Quorum::new(2, 3).unwrap());
        let mut now = Duration::from_secs(100);
        for rest in [10, 20, 40, 80, 160, 320, 320] {
            pace.is_late(2, now);
            assert_eq!(pace.slow(now), [2].into());
            now += Duration::from_secs(rest);
            assert!(pace.slow(now).is_empty(), "{rest}");
        }
        pace.is_in_time(2);
        pace.is_late(2, now);
        assert!(pace.slow(now + Duration::from_secs(10)).is_empty());
        // Nobody has such an id.
        pace.is_late(0, now);
        pace.is_late(4, now);
    }

    #[test]
    fn patience_follows_what_is_usual() {
        let pace = Pace::of(Quorum::new(2, 3).unwrap());
        assert_eq!(pace.patience(), Duration::from_millis(100));
        for _ in 0..100 {
            pace.took(Duration::from_millis(2));
        }
        assert_eq!(pace.patience(), SHORTEST);
        for _ in 0..100 {
            pace.took(Duration::from_millis(60));
        }
        let patience = pace.patience();
        assert!((110..=120).contains(&patience.as_millis()), "{patience:?}");
        for _ in 0..100 {
            pace.took(Duration::from_secs(3));
        }
        assert_eq!(pace.patience(), LONGEST);
    }
}
