//! Nonces that wait for the bytes to sign: one share each, of whoever they were shown to.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::os::clock::Moment;

/// So many wait for one member; the oldest goes when another one is made.
const WAITING: usize = 8;
/// So long one waits.
const LIFE: Duration = Duration::from_secs(15);
/// When wall clock, boot time and monotonic time differ by so much more than before, the host was set back, paused or
/// suspended, or its clock was set.
const JUMP: Duration = Duration::from_secs(1);

/// Whom a nonce was shown to: a member, in one life of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownTo {
    /// The member, as its link proves it.
    pub member: u16,
    /// A random number of its process.
    pub boot: u64,
}

/// Which nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceId {
    /// A random number of the process that holds it: what another one showed is not known here.
    pub pool: u64,
    /// Counted.
    pub number: u64,
}

/// The nonces of one member, in memory only: a process that starts again has none of those that it showed.
///
/// A nonce that made two shares gives the member's share of the key away (RFC 9591, 7.3). So it is taken out before anything
/// else is asked, and whatever happens then, it never comes back.
pub struct Nonces<N> {
    pool: u64,
    next: u64,
    of: BTreeMap<u16, Waiting<N>>,
    seen: Option<Moment>,
}

struct Waiting<N> {
    boot: u64,
    nonces: VecDeque<(u64, Duration, N)>,
}

impl<N> Nonces<N> {
    /// None, of the process with this random number.
    pub fn new(pool: u64) -> Self {
        Self {
            pool,
            next: 0,
            of: BTreeMap::new(),
            seen: None,
        }
    }

    /// Keeps a nonce for whoever is shown its commitments. What was shown to an earlier life of this member's process is erased.
    pub fn keep(&mut self, to: ShownTo, nonce: N, now: &Moment) -> NonceId {
        self.look(now);
        let number = self.next;
        self.next = number.saturating_add(1);
        let waiting = self.of.entry(to.member).or_insert_with(|| Waiting {
            boot: to.boot,
            nonces: VecDeque::new(),
        });
        if waiting.boot != to.boot {
            waiting.boot = to.boot;
            waiting.nonces.clear();
        }
        while waiting.nonces.len() >= WAITING {
            waiting.nonces.pop_front();
        }
        waiting.nonces.push_back((number, now.boot, nonce));
        NonceId {
            pool: self.pool,
            number,
        }
    }

    /// Takes a nonce out, for good. `None` where it was taken before, is too old, or was shown to somebody else.
    pub fn take(&mut self, to: ShownTo, id: NonceId, now: &Moment) -> Option<N> {
        self.look(now);
        let waiting = self.of.get_mut(&to.member)?;
        if id.pool != self.pool || waiting.boot != to.boot {
            return None;
        }
        let at = waiting
            .nonces
            .iter()
            .position(|(number, ..)| *number == id.number)?;
        waiting.nonces.remove(at).map(|(_, _, nonce)| nonce)
    }

    /// What `peek` sees of one that waits.
    pub fn peek<T>(&self, to: ShownTo, id: NonceId, peek: impl FnOnce(&N) -> T) -> Option<T> {
        let waiting = self.of.get(&to.member)?;
        if id.pool != self.pool || waiting.boot != to.boot {
            return None;
        }
        let mut nonces = waiting.nonces.iter();
        let found = nonces.find(|(number, ..)| *number == id.number)?;
        Some(peek(&found.2))
    }

    /// So many wait, of all members.
    pub fn waiting(&self) -> usize {
        self.of.values().map(|waiting| waiting.nonces.len()).sum()
    }

    /// Erases what is too old, and all of them after a jump of the clocks: the memory may be a copy by then, in which each of
    /// them is there again.
    fn look(&mut self, now: &Moment) {
        if self
            .seen
            .replace(*now)
            .is_some_and(|before| has_jumped(&before, now))
        {
            self.of.clear();
        }
        for waiting in self.of.values_mut() {
            let is_young = |made: Duration| now.boot.saturating_sub(made) < LIFE;
            waiting.nonces.retain(|(_, made, _)| is_young(*made));
        }
    }
}

fn has_jumped(before: &Moment, now: &Moment) -> bool {
    let passed = |before: Duration, now: Duration| now.checked_sub(before);
    let all = [
        passed(before.monotonic, now.monotonic),
        passed(before.boot, now.boot),
        passed(before.wall, now.wall),
    ];
    let [Some(monotonic), Some(boot), Some(wall)] = all else {
        // One went back.
        return true;
    };
    monotonic.abs_diff(boot) > JUMP || boot.abs_diff(wall) > JUMP
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: ShownTo = ShownTo { member: 2, boot: 7 };

    fn at(milliseconds: u64) -> Moment {
        let time = Duration::from_millis(1_000_000 + milliseconds);
        Moment {
            monotonic: time,
            boot: time,
            wall: time,
        }
    }

    /// The type has no copy: `Nonces<Once>` holds it, and `take` is the only way out.
    struct Once(u8);

    fn taken(nonces: &mut Nonces<Once>, to: ShownTo, id: NonceId, now: u64) -> Option<u8> {
        nonces.take(to, id, &at(now)).map(|once| once.0)
    }

    #[test]
    fn each_is_taken_once_by_whom_it_was_shown_to() {
        let mut nonces = Nonces::new(1);
        let id = nonces.keep(PEER, Once(1), &at(0));
        for other in [ShownTo { member: 3, ..PEER }, ShownTo { boot: 8, ..PEER }] {
            assert_eq!(taken(&mut nonces, other, id, 0), None);
        }
        for other in [NonceId { pool: 2, ..id }, NonceId { number: 1, ..id }] {
            assert_eq!(taken(&mut nonces, PEER, other, 0), None);
        }
        assert_eq!(taken(&mut nonces, PEER, id, 0), Some(1));
        assert_eq!(taken(&mut nonces, PEER, id, 0), None);
        // Another life of the same member starts with none.
        let id = nonces.keep(PEER, Once(2), &at(1));
        nonces.keep(ShownTo { boot: 8, ..PEER }, Once(3), &at(2));
        assert_eq!(taken(&mut nonces, PEER, id, 3), None);
        assert_eq!(nonces.waiting(), 1);
    }

    #[test]
    fn they_are_few_and_young() {
        let mut nonces = Nonces::new(1);
        let ids: Vec<NonceId> = (0..20)
            .map(|number| nonces.keep(PEER, Once(number), &at(number.into())))
            .collect();
        assert_eq!(nonces.waiting(), WAITING);
        assert_eq!(taken(&mut nonces, PEER, ids[11], 20), None);
        assert_eq!(taken(&mut nonces, PEER, ids[12], 20), Some(12));
        // As time passes, with looks in between.
        for now in (1_000..15_000).step_by(500) {
            assert_eq!(
                taken(&mut nonces, ShownTo { member: 9, ..PEER }, ids[0], now),
                None
            );
        }
        assert_eq!(taken(&mut nonces, PEER, ids[13], 15_012), Some(13));
        assert_eq!(taken(&mut nonces, PEER, ids[14], 15_014), None);
        assert_eq!(taken(&mut nonces, PEER, ids[19], 15_014), Some(19));
    }

    #[test]
    fn a_jump_of_any_clock_erases_them() {
        let second = Duration::from_secs(1);
        let later = at(2_000);
        for now in [
            Moment {
                wall: later.wall + 2 * second,
                ..later
            },
            Moment {
                wall: at(0).wall - second,
                ..later
            },
            Moment {
                boot: later.boot + 2 * second,
                wall: later.wall + 2 * second,
                ..later
            },
            Moment {
                monotonic: at(0).monotonic - second,
                ..later
            },
        ] {
            let mut nonces = Nonces::new(1);
            let id = nonces.keep(PEER, Once(1), &at(0));
            assert!(nonces.take(PEER, id, &now).is_none());
            assert_eq!(nonces.waiting(), 0);
        }
        let mut nonces = Nonces::new(1);
        let id = nonces.keep(PEER, Once(1), &at(0));
        assert_eq!(taken(&mut nonces, PEER, id, 2_000), Some(1));
    }
}
