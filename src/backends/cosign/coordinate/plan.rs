//! Who is asked next, and for which bytes: decided from what is known of the members.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::consensus::SignBytes;

/// Who gives no share now is left alone for so long at first, and for twice as long each time.
pub(super) const AGAIN: Duration = Duration::from_millis(20);
/// The longest of these times is `AGAIN` times two to this power.
const DOUBLINGS: u32 = 5;
/// Who cannot yet begins with this power, 160 ms.
const NOT_YET: u32 = 3;

/// What is known of the members while one signature is made.
#[derive(Debug)]
pub(super) struct KnownMembers {
    own: u16,
    threshold: usize,
    /// The bytes that a member is locked on, where it said so.
    locked: BTreeMap<u16, SignBytes>,
    /// Who gives no share, and why.
    out: BTreeMap<u16, NoShare>,
    /// So often it gave none for a moment, and why the last time.
    passed: BTreeMap<u16, (u32, String)>,
    /// Who takes longer than usual.
    late: BTreeSet<u16>,
}

/// Why a member gives no share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoShare {
    /// In words.
    pub why: String,
    /// The reading of the monotonic clock at which it may be asked again, if it may.
    pub until: Option<Duration>,
}

/// How a member is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Behind {
    /// It was late before.
    Slow,
    /// It is late now.
    Late,
}

/// The next set of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NextSet {
    /// What they are asked for.
    pub target: SignBytes,
    /// As many as are needed.
    pub members: Vec<u16>,
    /// Who is asked alone, before all others: nobody is locked on these bytes yet, and if all coordinators ask the same member first,
    /// no two of them split the members between the votes of two nodes.
    pub first: Option<u16>,
}

impl KnownMembers {
    /// Nothing, as the member `own` of whom `threshold` are needed.
    pub fn nothing(own: u16, threshold: u16) -> Self {
        Self {
            own,
            threshold: threshold.into(),
            locked: BTreeMap::new(),
            out: BTreeMap::new(),
            passed: BTreeMap::new(),
            late: BTreeSet::new(),
        }
    }

    /// Whether a member said, or showed by a share, that it is locked on other bytes: at one position nobody is locked twice.
    pub fn contradicts(&self, member: u16, on: &SignBytes) -> bool {
        self.locked.get(&member).is_some_and(|before| before != on)
    }

    /// A member is locked on these bytes.
    pub fn is_locked(&mut self, member: u16, on: SignBytes) {
        self.locked.insert(member, on);
    }

    /// A member gives no share.
    pub fn is_out(&mut self, member: u16, why: impl Into<String>) {
        let why = why.into();
        self.out.insert(member, NoShare { why, until: None });
    }

    /// A member gives none now; it is asked again in a moment, and later each time, so that the sets that are tried last as long as
    /// the node waits.
    pub fn is_out_now(&mut self, member: u16, why: impl Into<String>, now: Duration) {
        self.is_out_from(0, member, why, now);
    }

    /// A member cannot yet: it is asked again later than one that is busy, so that two of them do not use all sets up.
    pub fn is_out_yet(&mut self, member: u16, why: impl Into<String>, now: Duration) {
        self.is_out_from(NOT_YET, member, why, now);
    }

    fn is_out_from(&mut self, least: u32, member: u16, why: impl Into<String>, now: Duration) {
        let (times, last_why) = self.passed.entry(member).or_default();
        *times = least.max(*times);
        let until = now + AGAIN * 2_u32.pow(*times);
        *times = times.saturating_add(1).min(DOUBLINGS);
        let (why, until) = (why.into(), Some(until));
        last_why.clone_from(&why);
        self.out.insert(member, NoShare { why, until });
    }

    /// A member takes longer than usual; others are asked beside it.
    pub fn is_late(&mut self, member: u16) {
        self.late.insert(member);
    }

    /// Forgets what may have passed by now.
    pub fn forget_what_passed(&mut self, now: Duration) {
        self.out
            .retain(|_, out| out.until.is_none_or(|until| until > now));
    }

    /// Whether, of all these members, as many as are needed may still give a share of the same bytes. A lock is for good.
    pub fn may_be_enough(&self, asked: &SignBytes, all: impl Iterator<Item = u16>) -> bool {
        let lasts = |member: &u16| self.out.get(member).is_none_or(|out| out.until.is_some());
        let all: Vec<u16> = all.filter(lasts).collect();
        self.targets(asked)
            .any(|target| self.free(target, &all).count() >= self.threshold)
    }

    /// Why there is no share of whom, in words.
    pub fn told(
        &self,
        asked: &SignBytes,
        all: impl Iterator<Item = u16>,
        reachable: &[u16],
    ) -> Vec<String> {
        let here = self.locked.get(&self.own).unwrap_or(asked);
        let mut told = Vec::new();
        for member in all.filter(|member| *member != self.own) {
            let why = match (self.out.get(&member), self.locked.get(&member)) {
                (Some(out), _) => out.why.clone(),
                (None, Some(on)) if on != here => {
                    "is locked on this vote at another time".to_owned()
                }
                _ if self.late.contains(&member) => "did not answer in time".to_owned(),
                _ if !reachable.contains(&member) => "is not reachable".to_owned(),
                // It could be asked again, and there was no time for it.
                _ => match self.passed.get(&member) {
                    Some((_, why)) => why.clone(),
                    None => continue,
                },
            };
            told.push(format!("member {member} {why}"));
        }
        told
    }

    /// The next set, of the members that can be asked now, this one included. `slow` are those that were late before. `None` where
    /// they are too few for any bytes.
    pub fn plan(&self, asked: &SignBytes, can: &[u16], slow: &BTreeSet<u16>) -> Option<NextSet> {
        let can: Vec<u16> = can
            .iter()
            .copied()
            .filter(|member| !self.out.contains_key(member))
            .collect();
        let mut best: Option<(usize, &SignBytes, Vec<u16>)> = None;
        for target in self.targets(asked) {
            let usable: Vec<u16> = self.free(target, &can).collect();
            let support = self.locked.values().filter(|on| *on == target).count();
            let is_better = best.as_ref().is_none_or(|(most, ..)| support > *most);
            if usable.len() >= self.threshold && is_better {
                best = Some((support, target, usable));
            }
        }
        let (support, target, usable) = best?;
        let behind = self.behind(&usable, slow);
        let pace = |member: u16| behind.get(&member).copied();
        let first = usable
            .iter()
            .copied()
            .min_by_key(|one| (pace(*one), *one))?;
        let mut members = usable;
        members.sort_by_key(|one| (*one != self.own, *one != first, pace(*one), *one));
        members.truncate(self.threshold);
        let is_alone = support == 0 && first != self.own && members.contains(&first);
        Some(NextSet {
            target: target.clone(),
            members,
            first: is_alone.then_some(first),
        })
    }

    /// Whom to do without, and how much rather: as many as there are to spare. Where somebody is needed although it is late, it is asked
    /// in its place; two members that each went ahead without the other would lock each other out.
    fn behind(&self, usable: &[u16], slow: &BTreeSet<u16>) -> BTreeMap<u16, Behind> {
        let late = usable.iter().filter(|one| self.late.contains(one));
        let slow = usable
            .iter()
            .filter(|one| slow.contains(one) && !self.late.contains(one));
        let late = late.map(|one| (*one, Behind::Late));
        let all = late.chain(slow.map(|one| (*one, Behind::Slow)));
        all.take(usable.len().saturating_sub(self.threshold))
            .collect()
    }

    fn targets<'a>(&'a self, asked: &'a SignBytes) -> impl Iterator<Item = &'a SignBytes> {
        std::iter::once(asked).chain(self.locked.values())
    }

    /// Of these, who is not known to be locked on other bytes.
    fn free(&self, target: &SignBytes, of: &[u16]) -> impl Iterator<Item = u16> {
        let is_free = move |member: &u16| self.locked.get(member).is_none_or(|on| on == target);
        of.iter().copied().filter(is_free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{ChainId, Height, Prevote, Round, Timestamp};

    fn bytes(seconds: i64) -> SignBytes {
        let chain: ChainId = "test-1".parse().unwrap();
        let vote = Prevote {
            height: Height::FIRST,
            round: Round::FIRST,
            block: None,
            timestamp: Timestamp { seconds, nanos: 0 },
        };
        SignBytes::prevote(&chain, &vote)
    }

    fn planned(
        known: &KnownMembers,
        can: &[u16],
        slow: &[u16],
    ) -> (SignBytes, Vec<u16>, Option<u16>) {
        let slow = slow.iter().copied().collect();
        let plan = known.plan(&bytes(1), can, &slow).unwrap();
        (plan.target, plan.members, plan.first)
    }

    #[test]
    fn the_lowest_is_asked_first_and_the_lowest_itself_asks_all_at_once() {
        let known = KnownMembers::nothing(1, 2);
        assert_eq!(
            planned(&known, &[1, 2, 3], &[]),
            (bytes(1), vec![1, 2], None)
        );
        let known = KnownMembers::nothing(3, 2);
        assert_eq!(
            planned(&known, &[1, 2, 3], &[]),
            (bytes(1), vec![3, 1], Some(1))
        );
        let known = KnownMembers::nothing(5, 3);
        let all = [1, 2, 3, 4, 5];
        assert_eq!(
            planned(&known, &all, &[]),
            (bytes(1), vec![5, 1, 2], Some(1))
        );
        // Who is slow is neither waited for first nor asked while there are others; who is needed is asked in its place.
        assert_eq!(
            planned(&known, &all, &[1]),
            (bytes(1), vec![5, 2, 3], Some(2))
        );
        assert_eq!(
            planned(&known, &[1, 3, 5], &[1]),
            (bytes(1), vec![5, 1, 3], Some(1))
        );
        assert!(known.plan(&bytes(1), &[1, 5], &BTreeSet::new()).is_none());
    }

    #[test]
    fn what_most_are_locked_on_is_taken_over_where_enough_may_give_it() {
        let mut known = KnownMembers::nothing(2, 2);
        known.is_locked(1, bytes(7));
        // Nobody is locked on ours.
        assert_eq!(
            planned(&known, &[1, 2, 3], &[]),
            (bytes(7), vec![2, 1], None)
        );
        // This member is locked, too: the third one decides.
        known.is_locked(2, bytes(1));
        assert_eq!(
            planned(&known, &[1, 2, 3], &[]),
            (bytes(1), vec![2, 3], None)
        );
        known.is_locked(3, bytes(7));
        assert_eq!(
            planned(&known, &[1, 2, 3], &[]),
            (bytes(7), vec![1, 3], None)
        );
        // All three are locked on something else: nothing is signed there any more.
        assert!(known.may_be_enough(&bytes(1), 1..=3));
        known.is_locked(3, bytes(8));
        assert!(!known.may_be_enough(&bytes(1), 1..=3));
        assert!(
            known
                .plan(&bytes(1), &[1, 2, 3], &BTreeSet::new())
                .is_none()
        );
    }

    /// Otherwise the second of two that are left would lock itself on its own node's time as the first one does.
    #[test]
    fn nobody_is_passed_over_who_is_needed() {
        let mut known = KnownMembers::nothing(3, 2);
        assert_eq!(
            planned(&known, &[2, 3], &[2]),
            (bytes(1), vec![3, 2], Some(2))
        );
        assert_eq!(
            planned(&known, &[1, 2, 3], &[1, 2]),
            (bytes(1), vec![3, 2], Some(2))
        );
        known.is_late(2);
        assert_eq!(
            planned(&known, &[2, 3], &[]),
            (bytes(1), vec![3, 2], Some(2))
        );
        // Who is late now is worse than who was.
        assert_eq!(
            planned(&known, &[1, 2, 3], &[1]),
            (bytes(1), vec![3, 1], Some(1))
        );
    }

    #[test]
    fn who_is_out_is_not_asked_and_who_is_late_is_asked_last() {
        let mut known = KnownMembers::nothing(1, 2);
        known.is_late(2);
        assert_eq!(planned(&known, &[1, 2, 3], &[]).1, [1, 3]);
        known.is_out(3, "refuses");
        assert_eq!(planned(&known, &[1, 2, 3], &[]).1, [1, 2]);
        let at = Duration::from_millis;
        known.is_out_now(2, "is not reachable", at(1_000));
        assert!(
            known
                .plan(&bytes(1), &[1, 2, 3], &BTreeSet::new())
                .is_none()
        );
        assert!(known.may_be_enough(&bytes(1), 1..=3));
        assert_eq!(
            known.told(&bytes(1), 1..=3, &[]),
            ["member 2 is not reachable", "member 3 refuses"]
        );
        known.forget_what_passed(at(1_019));
        assert!(
            known
                .plan(&bytes(1), &[1, 2, 3], &BTreeSet::new())
                .is_none()
        );
        known.forget_what_passed(at(1_020));
        assert_eq!(planned(&known, &[1, 2, 3], &[]).1, [1, 2]);
        // Each time it is left alone for longer.
        for rest in [40, 80, 160, 320, 640, 640] {
            known.is_out_now(2, "has too many questions in hand", at(2_000));
            known.forget_what_passed(at(1_999 + rest));
            assert!(known.out.contains_key(&2), "{rest}");
            known.forget_what_passed(at(2_000 + rest));
            assert!(!known.out.contains_key(&2), "{rest}");
        }
        known.is_out(2, "refuses");
        assert!(!known.may_be_enough(&bytes(1), 1..=3));
    }

    #[test]
    fn nobody_is_locked_twice_at_one_position() {
        let mut known = KnownMembers::nothing(2, 2);
        assert!(!known.contradicts(1, &bytes(7)));
        known.is_locked(1, bytes(7));
        assert!(!known.contradicts(1, &bytes(7)));
        assert!(known.contradicts(1, &bytes(8)));
        // Who is locked on what this member is locked on has nothing to be told of it.
        assert_eq!(
            known.told(&bytes(1), 1..=3, &[1, 3]),
            ["member 1 is locked on this vote at another time"]
        );
        known.is_locked(2, bytes(7));
        assert_eq!(known.told(&bytes(1), 1..=3, &[1, 3]), Vec::<String>::new());
    }

    /// The node's time may be up when it could be asked again.
    #[test]
    fn why_a_member_gave_none_is_told_when_that_may_have_passed() {
        let asked = bytes(1);
        let mut known = KnownMembers::nothing(1, 2);
        known.is_out_now(2, "is not armed", Duration::ZERO);
        known.forget_what_passed(Duration::from_secs(1));
        let told = known.told(&asked, 1..=3, &[2]);
        assert_eq!(told, ["member 2 is not armed", "member 3 is not reachable"]);
        assert_eq!(
            known.told(&asked, 1..=2, &[]),
            ["member 2 is not reachable"]
        );
    }

    #[test]
    fn two_members_that_cannot_yet_leave_sets_for_the_time_of_a_vote() {
        let mut known = KnownMembers::nothing(1, 3);
        let (mut now, mut sets) = (Duration::ZERO, 0);
        while sets < 8 {
            for member in [2, 4] {
                known.forget_what_passed(now);
                if !known.out.contains_key(&member) {
                    known.is_out_yet(member, "is not armed", now);
                    sets += 1;
                }
            }
            now += Duration::from_millis(1);
        }
        assert!(now > Duration::from_secs(1), "{now:?}");
    }
}
