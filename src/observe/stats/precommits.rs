//! The precommits that were signed last, to be told from those of somebody else. Of a fixed size.

use crate::consensus::{BlockId, Hrs, Step, Timestamp};
use crate::rpc::Sighting;

/// How many are remembered.
const KEPT: usize = 64;

/// Whose a precommit in a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhosePrecommit {
    /// It is the one that was signed here.
    Ours,
    /// Another one was signed here at its height and round.
    Foreign,
    /// Nothing is remembered of its height and round.
    NotKnown,
}

/// The precommits that were signed last.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnPrecommits {
    kept: Vec<Sighting>,
    /// Where the next one goes.
    next: usize,
}

impl OwnPrecommits {
    /// Something was signed; only precommits count.
    pub fn signed(&mut self, hrs: &Hrs, block: Option<&BlockId>, timestamp: Timestamp) {
        if hrs.step != Step::Precommit {
            return;
        }
        let own = Sighting {
            height: hrs.height,
            round: hrs.round,
            block: block.copied(),
            timestamp,
        };
        if self.kept.contains(&own) {
            return;
        }
        match self.kept.get_mut(self.next) {
            Some(place) => *place = own,
            None => self.kept.push(own),
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// Whose a precommit is that this key has signed.
    pub fn whose(&self, vote: &Sighting) -> WhosePrecommit {
        if self.kept.contains(vote) {
            return WhosePrecommit::Ours;
        }
        let same_place = |own: &Sighting| (own.height, own.round) == (vote.height, vote.round);
        match self.kept.iter().any(same_place) {
            true => WhosePrecommit::Foreign,
            false => WhosePrecommit::NotKnown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Height, Round};

    fn hrs(height: i64, step: Step) -> Hrs {
        Hrs {
            height: Height::new(height).unwrap(),
            round: Round::FIRST,
            step,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 5 }
    }

    fn block(byte: u8) -> BlockId {
        BlockId::from_parts(&[byte; 32], 1, &[2; 32])
            .unwrap()
            .unwrap()
    }

    #[test]
    fn only_what_contradicts_a_precommit_of_ours_is_foreign() {
        let mut own = OwnPrecommits::default();
        own.signed(&hrs(7, Step::Precommit), Some(&block(1)), at(1));
        own.signed(&hrs(8, Step::Prevote), Some(&block(1)), at(1));
        let whose = |own: &OwnPrecommits, height, round: Round, byte: u8, seconds| {
            let height = Height::new(height).unwrap();
            own.whose(&Sighting {
                height,
                round,
                block: Some(block(byte)),
                timestamp: at(seconds),
            })
        };
        let first = Round::FIRST;
        assert_eq!(whose(&own, 7, first, 1, 1), WhosePrecommit::Ours);
        assert_eq!(whose(&own, 7, first, 2, 1), WhosePrecommit::Foreign);
        assert_eq!(whose(&own, 7, first, 1, 2), WhosePrecommit::Foreign);
        let later = Round::new(1).unwrap();
        assert_eq!(whose(&own, 7, later, 1, 1), WhosePrecommit::NotKnown);
        assert_eq!(whose(&own, 8, first, 2, 1), WhosePrecommit::NotKnown);
        // Given again it is the same; many others make it forgotten, and nothing grows.
        own.signed(&hrs(7, Step::Precommit), Some(&block(1)), at(1));
        for height in 9..1_000 {
            own.signed(&hrs(height, Step::Precommit), None, at(3));
        }
        assert_eq!(own.kept.len(), KEPT);
        assert_eq!(whose(&own, 7, first, 2, 1), WhosePrecommit::NotKnown);
        assert_eq!(whose(&own, 999, first, 2, 3), WhosePrecommit::Foreign);
    }
}
