//! Whether a height that somebody typed, or that a file holds, can be one of this chain.
//!
//! A watermark never goes down, so one digit too many silences a validator until the chain gets there, which may be
//! never. What is not plausible is asked for again; what leaves nothing to sign is refused.

use crate::consensus::Height;

use crate::gate::store::Origin;
use crate::gate::used_up::UsedUp;

/// Where nothing is known of a chain, heights up to here are plausible. The longest chains of the Cosmos registry had
/// some 2 * 10^8 blocks in 2026, all but a handful less than 5 * 10^7: with one digit too many nearly all are above it.
pub const PLAUSIBLE: i64 = 100_000_000;

/// So many heights above what is known are always plausible: a week of blocks of 6 s.
const SMALL: i64 = 100_000;

/// Above this height no other could be signed, or only one: half a damaged file would use that up.
const LAST_OF_USE: i64 = i64::MAX - 2;

/// Above this height no chain gets within a century, at ten blocks a second.
const UNHEARD_OF: i64 = 30_000_000_000;

/// Whether a watermark is higher than its chain can be: nothing was signed there yet, or it is unheard of.
pub fn is_too_high(used_up: &UsedUp) -> bool {
    let height = used_up.watermark().height();
    let by_hand = used_up.origin() != Origin::Request;
    height > UNHEARD_OF || by_hand && height > PLAUSIBLE
}

/// What a height is, as a watermark to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It can be a height of this chain.
    Plausible,
    /// It is far above what is known: to be asked for again.
    Implausible {
        /// What is known, if anything is.
        known: Option<Height>,
    },
    /// Nothing could be signed above it, ever: to be refused.
    Final,
}

impl Claim {
    /// Judges a height where the watermark is at `known`; `None` where nothing is known of the chain.
    ///
    /// Above what is known, a height is plausible up to twice the known one: one digit too many is ten times as much.
    pub fn of(height: Height, known: Option<Height>) -> Self {
        let most = match known {
            None => PLAUSIBLE,
            Some(known) => known.get().saturating_add(known.get().max(SMALL)),
        };
        match height.get() {
            height if height > LAST_OF_USE => Self::Final,
            height if height > most => Self::Implausible { known },
            _ => Self::Plausible,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(height: i64, known: Option<i64>) -> Claim {
        Claim::of(Height::new(height).unwrap(), known.and_then(Height::new))
    }

    #[test]
    fn one_digit_too_many_is_asked_for_again() {
        for height in [20_000, 523_800, 28_000_000, 160_000_000, 1_000_000_000] {
            for digit in 0..10 {
                let typed = height * 10 + digit;
                let known = Height::new(height);
                assert_eq!(claim(typed, Some(height)), Claim::Implausible { known });
            }
            assert_eq!(claim(height + 1, Some(height)), Claim::Plausible);
            assert_eq!(claim(height + SMALL, Some(height)), Claim::Plausible);
        }
        let unknown = Claim::Implausible { known: None };
        assert_eq!(claim(28_000_000, None), Claim::Plausible);
        assert_eq!(claim(280_000_000, None), unknown);
        assert_eq!(claim(4_611_686_018_427_387_904, None), unknown);
    }

    #[test]
    fn what_leaves_nothing_to_sign_is_final_whatever_is_known() {
        for known in [None, Some(1), Some(i64::MAX - 5)] {
            assert_eq!(claim(i64::MAX, known), Claim::Final);
            assert_eq!(claim(i64::MAX - 1, known), Claim::Final);
            assert_ne!(claim(i64::MAX - 2, known), Claim::Final);
        }
    }
}
