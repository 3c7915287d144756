//! The nonces that another member has shown, until they are asked for or too old.

use std::collections::VecDeque;
use std::time::Duration;

use crate::backends::cosign::ask::ShownNonce;

/// So many are kept, the youngest.
const MOST: usize = 8;
/// So long, by the clock that also counts while the host is suspended. The member that has them keeps them for 15 s, so what is
/// asked for with one of these is asked for in time.
const YOUNG: Duration = Duration::from_secs(10);

/// The nonces of one member, in one life of its process: they belong to a link and go with it.
#[derive(Default)]
pub(super) struct HeldNonces(VecDeque<(Duration, ShownNonce)>);

impl HeldNonces {
    /// Takes one more in, shown at `now` (time since boot). One that is held already is not another one.
    pub(super) fn add(&mut self, shown: ShownNonce, now: Duration) {
        self.forget_old(now);
        if self.0.iter().any(|(_, held)| held.nonce == shown.nonce) {
            return;
        }
        while self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((now, shown));
    }

    /// Takes the youngest out, for good.
    pub(super) fn take(&mut self, now: Duration) -> Option<ShownNonce> {
        self.forget_old(now);
        self.0.pop_back().map(|(_, shown)| shown)
    }

    /// So many are at hand.
    pub(super) fn count(&mut self, now: Duration) -> usize {
        self.forget_old(now);
        self.0.len()
    }

    fn forget_old(&mut self, now: Duration) {
        // A clock that went back says nothing about how old they are.
        let is_young = |shown: Duration| now.checked_sub(shown).is_some_and(|age| age < YOUNG);
        self.0.retain(|(shown, _)| is_young(*shown));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::cosign::frost::Party;
    use crate::backends::cosign::nonces::NonceId;
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
            commitments,
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
    fn none_is_older_than_the_member_keeps_it() {
        let (mut held, commitments) = (HeldNonces::default(), commitments());
        let shown = |number| ShownNonce {
            nonce: NonceId { pool: 1, number },
            commitments,
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
