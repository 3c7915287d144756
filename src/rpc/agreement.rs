//! What several endpoints agree on: pure.

use super::standing::ValidatorStanding;
use super::vote::Sighting;

/// What one endpoint says of our vote at one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Our vote is in the commit, and its signature is ours.
    Signed(Sighting),
    /// We were in the validator set, and our vote is not in the commit.
    Absent,
    /// We were not in the validator set.
    Outside,
}

/// The value that more than half of `values` reach: one endpoint cannot raise it, and one that lags among three cannot lower it.
pub(super) fn majority(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable_by(|one, two| two.cmp(one));
    values.get(values.len() / 2).copied()
}

/// What most of them say. Where they are even, what is proven counts before what is only said.
pub(super) fn agreed(words: &[Word]) -> Option<&Word> {
    let count = |kind: fn(&&Word) -> bool| words.iter().filter(kind).count();
    let signed = count(|word| matches!(word, Word::Signed(_)));
    let absent = count(|word| matches!(word, Word::Absent));
    let outside = count(|word| matches!(word, Word::Outside));
    let find = |kind: fn(&&Word) -> bool| words.iter().find(kind);
    match signed.max(absent).max(outside) {
        0 => None,
        most if most == signed => find(|word| matches!(word, Word::Signed(_))),
        most if most == absent => find(|word| matches!(word, Word::Absent)),
        _ => find(|word| matches!(word, Word::Outside)),
    }
}

/// Our place in the validator set, as most of them say it.
pub(super) fn agreed_standing(all: &[ValidatorStanding]) -> Option<ValidatorStanding> {
    let powers = all.iter().filter_map(|found| match found {
        ValidatorStanding::Power(power) => Some(*power),
        ValidatorStanding::Outside => None,
    });
    let powers: Vec<i64> = powers.collect();
    let outside = all.len().saturating_sub(powers.len());
    match 2 * outside > all.len() {
        true => Some(ValidatorStanding::Outside),
        false => majority(powers).map(ValidatorStanding::Power),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Height, Round, Timestamp};

    #[test]
    fn one_endpoint_among_several_moves_nothing() {
        assert_eq!(majority(vec![]), None);
        assert_eq!(majority(vec![7]), Some(7));
        // One that lies upwards, beside one and beside two honest ones; one that lags beside two.
        assert_eq!(majority(vec![1 << 62, 100]), Some(100));
        assert_eq!(majority(vec![100, 1 << 62, 101]), Some(101));
        assert_eq!(majority(vec![100, 3, 101]), Some(100));
        assert_eq!(majority(vec![5, 5, 1 << 62, 1 << 62]), Some(5));
    }

    #[test]
    fn what_most_say_counts_and_a_proof_before_a_claim() {
        let signed = Word::Signed(Sighting {
            height: Height::FIRST,
            round: Round::FIRST,
            block: None,
            timestamp: Timestamp::default(),
        });
        let (absent, outside) = (Word::Absent, Word::Outside);
        let of = |words: &[&Word]| {
            let words: Vec<Word> = words.iter().map(|word| (*word).clone()).collect();
            agreed(&words).cloned()
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[&absent, &signed]), Some(signed.clone()));
        assert_eq!(of(&[&absent, &absent, &signed]), Some(absent.clone()));
        assert_eq!(of(&[&outside, &absent]), Some(absent.clone()));
        assert_eq!(of(&[&outside, &outside, &absent]), Some(outside));
    }
}
