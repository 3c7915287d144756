//! What came of the questions that this member asked as a coordinator: counted, for whoever looks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::shares::Quorum;

/// Counted since the start.
#[derive(Debug)]
pub struct JointTally {
    signed: AtomicU64,
    unsigned: AtomicU64,
    more_sets: AtomicU64,
    members: Vec<MemberTally>,
}

#[derive(Debug, Default)]
struct MemberTally {
    late: AtomicU64,
    bad: AtomicU64,
    /// The last of those.
    last_bad: Mutex<Option<Instant>>,
}

/// What was counted of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberCounts {
    /// So often others were asked beside it because it took longer than usual.
    pub late: u64,
    /// Shares, signatures and locks of it that were wrong.
    pub bad: u64,
    /// Since the last of those.
    pub bad_ago: Option<Duration>,
}

/// What was counted in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JointCounts {
    /// Signatures.
    pub signed: u64,
    /// Requests that came to nothing after this host was locked on them.
    pub unsigned: u64,
    /// Sets of members that were asked beside or after the first one.
    pub more_sets: u64,
}

impl JointTally {
    /// Of so many members.
    pub(super) fn of(quorum: Quorum) -> Self {
        Self {
            signed: AtomicU64::default(),
            unsigned: AtomicU64::default(),
            more_sets: AtomicU64::default(),
            members: (0..quorum.members())
                .map(|_| MemberTally::default())
                .collect(),
        }
    }

    /// In all.
    pub fn counts(&self) -> JointCounts {
        JointCounts {
            signed: self.signed.load(Ordering::Relaxed),
            unsigned: self.unsigned.load(Ordering::Relaxed),
            more_sets: self.more_sets.load(Ordering::Relaxed),
        }
    }

    /// Of one member.
    pub fn member(&self, member: u16) -> MemberCounts {
        self.of_member(member)
            .map_or_else(MemberCounts::default, |tally| MemberCounts {
                late: tally.late.load(Ordering::Relaxed),
                bad: tally.bad.load(Ordering::Relaxed),
                bad_ago: tally.last_bad.lock().map(|at| at.elapsed()),
            })
    }

    pub(super) fn signed(&self) {
        self.signed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unsigned(&self) {
        self.unsigned.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn one_more_set(&self) {
        self.more_sets.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn late(&self, member: u16) {
        if let Some(tally) = self.of_member(member) {
            tally.late.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn bad(&self, member: u16) {
        if let Some(tally) = self.of_member(member) {
            tally.bad.fetch_add(1, Ordering::Relaxed);
            *tally.last_bad.lock() = Some(Instant::now());
        }
    }

    fn of_member(&self, member: u16) -> Option<&MemberTally> {
        self.members.get(usize::from(member.checked_sub(1)?))
    }
}
