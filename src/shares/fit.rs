//! Which shards belong together, and how many of them are needed.

use super::combine::{give_their_key, value_at};
use super::quorum::MOST;
use super::shard::Shard;

/// Shards that give their key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardFit {
    /// So many are needed.
    pub threshold: usize,
    /// Enough of them, by their place in the list.
    pub enough: Vec<usize>,
    /// Those that are not of the same dealing, or damaged, by their place in the list.
    pub strangers: Vec<usize>,
}

/// Why shards cannot be put together. Places are those in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardFitError {
    /// Not 1 to [`MOST`] of them.
    Count(usize),
    /// The first and another name different public keys.
    OtherKey(usize),
    /// Two have one id.
    SameId(usize, usize),
    /// No choice of them gives the key.
    NotEnough,
}

/// Finds how many shards are needed, which do, and which do not fit to those.
///
/// # Errors
/// They are not of one key, or too few of them are.
pub fn fit(shards: &[Shard]) -> Result<ShardFit, ShardFitError> {
    let count = ShardFitError::Count(shards.len());
    let first = match shards.first() {
        Some(first) if shards.len() <= MOST => first,
        Some(_) | None => return Err(count),
    };
    for (place, shard) in shards.iter().enumerate() {
        if shard.public_key != first.public_key {
            return Err(ShardFitError::OtherKey(place));
        }
        let mut before = shards.iter().take(place);
        if let Some(twin) = before.position(|before| before.id == shard.id) {
            return Err(ShardFitError::SameId(twin, place));
        }
    }
    let mut choices: Vec<u32> = (1..1_u32 << shards.len()).collect();
    // The fewest that give the key are as many as are needed: fewer say nothing about it.
    choices.sort_by_key(|choice| choice.count_ones());
    let chosen = |choice: u32| {
        let all = shards.iter().enumerate();
        all.filter(move |(place, _)| choice & (1 << place) != 0)
    };
    let enough = choices.into_iter().find(|choice| {
        let some: Vec<_> = chosen(*choice).map(|(_, shard)| shard).collect();
        give_their_key(&some)
    });
    let enough = enough.ok_or(ShardFitError::NotEnough)?;
    let some: Vec<_> = chosen(enough).map(|(_, shard)| shard).collect();
    let all = shards.iter().enumerate();
    let strange = all.filter(|(_, shard)| value_at(&some, shard.id) != shard.value);
    Ok(ShardFit {
        threshold: some.len(),
        strangers: strange.map(|(place, _)| place).collect(),
        enough: chosen(enough).map(|(place, _)| place).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::expanded_key;
    use super::*;
    use crate::backends::softsign::key::SoftKey;
    use crate::consensus::KeyType;

    fn dealt(folder: &str, ids: &[usize]) -> Vec<Shard> {
        let read = |id: &usize| {
            let path = format!("tests/horcrux/{folder}/{id}_shard.json");
            Shard::from_json(&std::fs::read(path).unwrap()).unwrap()
        };
        ids.iter().map(read).collect()
    }

    fn whole(folder: &str) -> SoftKey {
        let path = format!("tests/horcrux/{folder}/priv_validator_key.json");
        SoftKey::from_json(&std::fs::read(path).unwrap(), KeyType::Ed25519).unwrap()
    }

    #[test]
    fn what_horcrux_dealt_gives_the_key_that_it_dealt_it_of() {
        for (folder, ids) in [
            ("2-3", &[1, 2][..]),
            ("2-3", &[1, 3]),
            ("2-3", &[3, 2]),
            ("2-3", &[1, 2, 3]),
            ("3-5", &[1, 2, 3]),
            ("3-5", &[5, 3, 1]),
            ("3-5", &[2, 4, 5, 1]),
            ("5-7", &[7, 6, 5, 4, 3]),
            ("5-7", &[1, 2, 3, 4, 5, 6, 7]),
        ] {
            let shards = dealt(folder, ids);
            let fit = fit(&shards).unwrap();
            assert_eq!(
                fit.threshold,
                folder[..1].parse::<usize>().unwrap(),
                "{folder}"
            );
            assert_eq!(fit.strangers, [0; 0]);
            let enough: Vec<_> = fit.enough.iter().map(|place| &shards[*place]).collect();
            let key = expanded_key(&enough).unwrap();
            let key = SoftKey::from_bytes(&*key, KeyType::Ed25519).unwrap();
            assert_eq!(key.public_key(), whole(folder).public_key());
            // Whichever shards there are.
            let last = dealt(folder, ids);
            let last: Vec<_> = last.iter().rev().take(fit.threshold).collect();
            let again = expanded_key(&last).unwrap();
            let again = SoftKey::from_bytes(&*again, KeyType::Ed25519).unwrap();
            assert_eq!(again.to_base64(), key.to_base64());
        }
    }

    #[test]
    fn too_few_are_not_enough() {
        for (folder, ids) in [("2-3", &[2][..]), ("3-5", &[1, 5]), ("5-7", &[1, 2, 3, 4])] {
            assert_eq!(fit(&dealt(folder, ids)), Err(ShardFitError::NotEnough));
        }
    }

    #[test]
    fn a_shard_that_does_not_belong_to_them_is_found() {
        let mut shards = dealt("2-3", &[1, 2, 3]);
        shards[1].value += curve25519_dalek::Scalar::ONE;
        let found = fit(&shards).unwrap();
        assert_eq!((found.threshold, found.strangers), (2, vec![1]));
        assert_eq!(found.enough, [0, 2]);
        let mut shards = dealt("3-5", &[1, 2, 3, 4, 5]);
        shards[0].value += curve25519_dalek::Scalar::ONE;
        let (four, five) = (shards[3].value, shards[4].value);
        (shards[3].value, shards[4].value) = (five, four);
        assert_eq!(fit(&shards), Err(ShardFitError::NotEnough));
        shards[3].value = four;
        let found = fit(&shards).unwrap();
        assert_eq!((found.threshold, found.strangers), (3, vec![0, 4]));
    }

    #[test]
    fn shards_of_two_keys_or_with_one_id_are_refused() {
        assert_eq!(fit(&[]), Err(ShardFitError::Count(0)));
        let mut mixed = dealt("2-3", &[1]);
        mixed.extend(dealt("3-5", &[2]));
        assert_eq!(fit(&mixed), Err(ShardFitError::OtherKey(1)));
        let twice = dealt("2-3", &[1, 2, 1]);
        assert_eq!(fit(&twice), Err(ShardFitError::SameId(0, 2)));
        let many = dealt("2-3", &[1; MOST + 1]);
        assert_eq!(fit(&many), Err(ShardFitError::Count(13)));
    }
}
