//! How many of how many members sign together, and what that tolerates.

/// The most shares of a key.
pub const MOST: usize = 12;

/// `threshold` of `members`: more than half, so any two sets that can sign have a member in common (W18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    threshold: u16,
    members: u16,
}

/// Why so many of so many are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// One share would be the key, or there are too many members.
    #[error(
        "{threshold} of {members} cannot be: a key has 2 to {MOST} shares, and from 2 to all of them are needed to sign"
    )]
    Range {
        /// Needed.
        threshold: u16,
        /// All.
        members: u16,
    },
    /// Two sets of members could sign without each other's knowledge.
    #[error(
        "{threshold} of {members} could sign two different votes at once: more than half must be needed, so at least {} of {members}",
        members / 2 + 1
    )]
    NoMajority {
        /// Needed.
        threshold: u16,
        /// All.
        members: u16,
    },
}

impl Quorum {
    /// `threshold` of `members`.
    ///
    /// # Errors
    /// Not 2 to [`MOST`] members, not 2 to all of them, or not more than half.
    pub fn new(threshold: u16, members: u16) -> Result<Self, QuorumError> {
        let quorum = Self { threshold, members };
        match (threshold, members) {
            _ if threshold < 2 || threshold > members || usize::from(members) > MOST => {
                Err(QuorumError::Range { threshold, members })
            }
            _ if u32::from(threshold) * 2 <= u32::from(members) => {
                Err(QuorumError::NoMajority { threshold, members })
            }
            _ => Ok(quorum),
        }
    }

    /// So many have to sign.
    pub fn threshold(self) -> u16 {
        self.threshold
    }

    /// So many there are, with the ids 1 to this.
    pub fn members(self) -> u16 {
        self.members
    }

    /// So many may be down, and the others still sign.
    pub fn may_be_down(self) -> u16 {
        self.members - self.threshold
    }

    /// So many may be stolen, and the key cannot be made of them.
    pub fn may_be_stolen(self) -> u16 {
        self.threshold - 1
    }

    /// So many may be rolled back or broken into, and still no double sign is possible: two sets that sign overlap in
    /// 2 t − n members at least, and each of these has to sign twice.
    pub fn may_be_rolled_back(self) -> u16 {
        2 * self.threshold - self.members - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each share has a lock of its own.
    #[test]
    fn there_are_locks_for_all_of_them() {
        assert_eq!(usize::from(crate::os::pair_lock::SHARES), MOST);
    }

    #[test]
    fn what_is_not_a_majority_is_refused() {
        for (threshold, members) in [(1, 2), (2, 4), (2, 5), (3, 6), (6, 12)] {
            assert!(
                matches!(
                    Quorum::new(threshold, members),
                    Err(QuorumError::Range { .. } | QuorumError::NoMajority { .. })
                ),
                "{threshold} of {members}"
            );
        }
        let error = Quorum::new(2, 5).unwrap_err();
        assert!(error.to_string().contains("at least 3 of 5"), "{error}");
        for (threshold, members) in [
            (0, 0),
            (1, 1),
            (3, 2),
            (0, 3),
            (7, 13),
            (u16::MAX, u16::MAX),
        ] {
            let error = Quorum::new(threshold, members).unwrap_err();
            assert_eq!(error, QuorumError::Range { threshold, members });
        }
    }

    /// The table of docs/cosigners.md.
    #[test]
    fn what_is_tolerated() {
        let page = include_str!("../../docs/cosigners.md");
        for (threshold, members, rolled_back, down, stolen) in [
            (2, 2, 1, 0, 1),
            (2, 3, 0, 1, 1),
            (3, 4, 1, 1, 2),
            (3, 5, 0, 2, 2),
            (4, 5, 2, 1, 3),
            (5, 7, 2, 2, 4),
        ] {
            let quorum = Quorum::new(threshold, members).unwrap();
            assert_eq!(quorum.may_be_rolled_back(), rolled_back);
            assert_eq!(quorum.may_be_down(), down);
            assert_eq!(quorum.may_be_stolen(), stolen);
            let row = format!("| {threshold} of {members} | {down} | {stolen} | {rolled_back} |");
            assert!(page.contains(&row), "{row}");
        }
    }

    /// Every two sets that can sign, of every quorum that is taken, have as many members in common as is said.
    #[test]
    fn two_sets_that_sign_overlap() {
        for members in 2..=7_u16 {
            for threshold in 2..=members {
                let Ok(quorum) = Quorum::new(threshold, members) else {
                    continue;
                };
                let sets =
                    || (0_u32..1 << members).filter(|set| set.count_ones() == u32::from(threshold));
                let least = sets()
                    .flat_map(|one| sets().map(move |two| (one & two).count_ones()))
                    .min();
                assert_eq!(least, Some(u32::from(quorum.may_be_rolled_back()) + 1));
            }
        }
    }
}
