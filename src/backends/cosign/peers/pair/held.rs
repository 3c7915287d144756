//! The nonces that another member has shown, until they are asked for or too old.

use std::collections::VecDeque;
use std::time::Duration;

use crate::backends::cosign::ask::ShownNonce;
use crate::backends::cosign::nonces::NonceId;

/// So many are kept, the youngest.
const MOST: usize = 8;
/// So long, by the clock that also counts while the host is suspended. The member that has them keeps them for 15 s, so what is
/// asked for with one of these is asked for in time.
const YOUNG: Duration = Duration::from_secs(10);

/// The nonces of one member, in one life of its process: they belong to a link and go with it.
#[derive(Default)]
pub(super) struct HeldNonces {
    held: VecDeque<(Duration, ShownNonce)>,
    /// The last that were taken out, for those that come back.
    taken: VecDeque<(Duration, ShownNonce)>,
}

impl HeldNonces {
    /// Takes one more in, shown at `now` (time since boot). One that is held already is not another one.
    pub(super) fn add(&mut self, shown: ShownNonce, now: Duration) {
        self.forget_old(now);
        if self.held.iter().any(|(_, held)| held.nonce == shown.nonce) {
            return;
        }
        while self.held.len() >= MOST {
            self.held.pop_front();
        }
        self.held.push_back((now, shown));
    }

    /// Takes the youngest out.
    pub(super) fn take(&mut self, now: Duration) -> Option<ShownNonce> {
        self.forget_old(now);
        let taken = self.held.pop_back()?;
        while self.taken.len() >= MOST {
            self.taken.pop_front();
        }
        self.taken.push_back(taken.clone());
        Some(taken.1)
    }

    /// Takes one in again with which the member was not asked, as old as it is. Without this each vote that another member was
    /// quicker to have signed would cost one, and none comes for it.
    pub(super) fn give_back(&mut self, nonce: NonceId) {
        let at = self.taken.iter().position(|(_, it)| it.nonce == nonce);
        if let Some(back) = at.and_then(|at| self.taken.remove(at))
            && self.held.len() < MOST
        {
            // Where it belongs by its age, so that the youngest is at the end.
            let place = self.held.partition_point(|(shown, _)| *shown <= back.0);
            self.held.insert(place, back);
        }
    }

    /// So many are at hand.
    pub(super) fn count(&mut self, now: Duration) -> usize {
        self.forget_old(now);
        self.held.len()
    }

    fn forget_old(&mut self, now: Duration) {
        // A clock that went back says nothing about how old they are.
        let is_young = |shown: Duration| now.checked_sub(shown).is_some_and(|age| age < YOUNG);
        self.held.retain(|(shown, _)| is_young(*shown));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::cosign::frost::Party;
    use crate::shares::{KeyShare, PublicShares, Quorum, Shard};

    fn commitments() -> crate::backends::cosign::frost::Commitments {
        let shard = std::fs::read("tests/horcrux/3-5/1_shard.json").unwrap();
        let shard = Shard::from_json(&shard).unwrap();
        let quorum = Quorum::new(3, 5).unwrap();
        let share = KeyShare::new(shard, quorum, PublicShares::default()).unwrap();
        Party::new(&share).unwrap().commit().1
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_youngest_is_taken_once_and_few_are_kept() {
        let (mut held, commitments) = (HeldNonces::default(), commitments());
        let shown = |number| ShownNonce {
            nonce: NonceId { pool: 1, number },
            commitments: commitments.clone(),
        };
        for number in 0..20 {
            held.add(shown(number), SECOND);
            held.add(shown(number), SECOND);
        }
        assert_eq!(held.count(SECOND), MOST);
        for number in (12..20).rev() {
            assert_eq!(held.take(SECOND), Some(shown(number)));
        }
        assert_eq!(held.take(SECOND), None);
    }

    #[test]
    fn one_that_was_not_asked_with_is_held_again_as_old_as_it_is() {
        let (mut held, commitments) = (HeldNonces::default(), commitments());
        let shown = |number| ShownNonce {
            nonce: NonceId { pool: 1, number },
            commitments: commitments.clone(),
        };
        held.add(shown(1), 100 * SECOND);
        held.add(shown(2), 105 * SECOND);
        assert_eq!(held.take(106 * SECOND), Some(shown(2)));
        assert_eq!(held.take(106 * SECOND), Some(shown(1)));
        for number in [1, 1, 2, 7] {
            held.give_back(shown(number).nonce);
        }
        assert_eq!(held.count(106 * SECOND), 2);
        assert_eq!(held.count(111 * SECOND), 1);
        assert_eq!(held.take(111 * SECOND), Some(shown(2)));
        // Younger ones came meanwhile.
        for number in 10..10 + 2 * MOST as u64 {
            held.add(shown(number), 112 * SECOND);
        }
        held.give_back(shown(2).nonce);
        assert_eq!(held.count(112 * SECOND), MOST);
        assert!((0..MOST).all(|_| held.take(112 * SECOND).is_some()));
        held.give_back(shown(25).nonce);
        held.give_back(shown(2).nonce);
        assert_eq!(held.take(112 * SECOND), Some(shown(25)));
        assert_eq!(held.take(112 * SECOND), None);
    }

    #[test]
    fn none_is_older_than_the_member_keeps_it() {
        let (mut held, commitments) = (HeldNonces::default(), commitments());
        let shown = |number| ShownNonce {
            nonce: NonceId { pool: 1, number },
            commitments: commitments.clone(),
        };
        held.add(shown(1), 100 * SECOND);
        held.add(shown(2), 105 * SECOND);
        assert_eq!(held.count(109 * SECOND), 2);
        assert_eq!(held.count(110 * SECOND), 1);
        assert_eq!(held.take(115 * SECOND), None);
        // Set back to before it was shown.
        held.add(shown(3), 120 * SECOND);
        assert_eq!(held.take(119 * SECOND), None);
    }
}
