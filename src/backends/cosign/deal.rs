//! A key dealt to its members, offline, and the proof that any that are enough sign for it.

use std::collections::BTreeMap;
use std::time::Duration;

use curve25519_dalek::Scalar;
use frost_ed25519::SigningKey;
use frost_ed25519::keys::{IdentifierList, split};
use frost_ed25519::rand_core::OsRng;
use zeroize::Zeroizing;

use crate::consensus::PublicKey;
use crate::gate::permit::Permit;
use crate::gate::raw::self_test;
use crate::shares::{KeyShare, KeyShareError, PublicShares, Quorum, Shard, ShardError};

use super::frost::{FrostError, Party};

/// Why shares could not be dealt, or are not right. None of this is expected of a computer that works.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DealError {
    /// The library refused.
    #[error("{0}")]
    Frost(#[from] FrostError),
    /// A share is not right in itself.
    #[error("{0}")]
    Share(#[from] KeyShareError),
    /// A share cannot be one.
    #[error("{0}")]
    Shard(#[from] ShardError),
    /// They are of another key than the one that was dealt.
    #[error("they give another key than the one that was split")]
    OtherKey,
    /// There is no harmless text to sign.
    #[error("there is no text to try them with")]
    NoText,
}

/// Deals a key to the members 1 to n (RFC 9591, appendix C.1: a polynomial of random coefficients with the key at 0).
///
/// # Errors
/// The computer is broken: what was dealt is of another key.
pub fn deal(key: &Scalar, public: &PublicKey, quorum: Quorum) -> Result<Vec<KeyShare>, DealError> {
    let library = |error: frost_ed25519::Error| FrostError::Library(error.to_string());
    let bytes = Zeroizing::new(key.to_bytes());
    let key = SigningKey::deserialize(&*bytes).map_err(library)?;
    let (members, threshold) = (quorum.members(), quorum.threshold());
    let dealt = split(
        &key,
        members,
        threshold,
        IdentifierList::Default,
        &mut OsRng,
    );
    let (secrets, _) = dealt.map_err(library)?;
    let public = <[u8; 32]>::try_from(public.as_bytes()).map_err(|_| DealError::OtherKey)?;
    let mut shards = Vec::new();
    // In the order of their identifiers, which are numbers in little-endian bytes: 1 to n, n below 256.
    for (id, secret) in (1_u16..).zip(secrets.values()) {
        let bytes = Zeroizing::new(secret.signing_share().serialize());
        let bytes = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).unwrap_or_default());
        shards.push(Shard::new(id.into(), public, &bytes)?);
    }
    let mut public_shares = PublicShares::default();
    for (id, shard) in (1_u16..).zip(&shards) {
        public_shares.insert(id, shard.public_share());
    }
    shards
        .into_iter()
        .map(|shard| Ok(KeyShare::new(shard, quorum, public_shares.clone())?))
        .collect()
}

/// Has every choice of as many shares as are needed sign a text that means nothing, and gives how many choices there are.
///
/// # Errors
/// Some choice gives no signature of the key.
pub fn prove(shares: &[KeyShare], public: &PublicKey) -> Result<u32, DealError> {
    let parties = shares
        .iter()
        .map(Party::new)
        .collect::<Result<Vec<_>, _>>()?;
    let permit = self_test(0, 0, Duration::MAX).ok_or(DealError::NoText)?;
    let mut choices = 0;
    for choice in 0_u32..1 << parties.len() {
        let chosen = parties.iter().enumerate();
        let chosen = chosen.filter(|(place, _)| choice & (1 << place) != 0);
        let chosen: Vec<&Party> = chosen.map(|(_, party)| party).collect();
        let is_enough = |first: &&&Party| usize::from(first.quorum().threshold()) == chosen.len();
        let Some(first) = chosen.first().filter(is_enough) else {
            continue;
        };
        if first.public_key() != public {
            return Err(DealError::OtherKey);
        }
        sign_together(first, &chosen, &permit)?;
        choices += 1;
    }
    Ok(choices)
}

fn sign_together(first: &Party, all: &[&Party], permit: &Permit) -> Result<(), FrostError> {
    let mut of_all = BTreeMap::new();
    let mut nonces = Vec::new();
    for party in all {
        let (nonce, shown) = party.commit();
        of_all.insert(party.id(), shown);
        nonces.push((party, nonce));
    }
    let mut shares = BTreeMap::new();
    for (party, nonce) in nonces {
        shares.insert(party.id(), nonce.share(party, permit, &of_all)?);
    }
    let joint = first.joint(permit.bytes(), &of_all)?;
    first.aggregate(&joint, &shares).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::softsign::key::SoftKey;
    use crate::consensus::KeyType;
    use crate::shares::{expanded_key, fit};

    #[test]
    fn a_key_of_any_form_keeps_its_public_key() {
        let seed = SoftKey::from_bytes(&[3; 32], KeyType::Ed25519).unwrap();
        // As `cosign recover` writes it: dealt again from what was put together.
        let mut keys = vec![seed];
        for (threshold, members) in [(2, 2), (2, 3), (3, 4), (5, 9)] {
            let quorum = Quorum::new(threshold, members).unwrap();
            let key = keys.last().unwrap();
            let shares = deal(&key.scalar().unwrap(), &key.public_key(), quorum).unwrap();
            assert_eq!(shares.len(), usize::from(members));
            assert!(shares.iter().zip(1..).all(|(share, id)| share.id() == id));
            let choices = prove(&shares, &key.public_key()).unwrap();
            assert_eq!(choices, [1, 3, 4, 126][keys.len() - 1]);
            // Our own arithmetic says the same as the library's.
            let shards: Vec<Shard> = shares.into_iter().map(KeyShare::into_shard).collect();
            let found = fit(&shards).unwrap();
            assert_eq!(
                (found.threshold, found.strangers.len()),
                (usize::from(threshold), 0)
            );
            let enough: Vec<&Shard> = found.enough.iter().map(|place| &shards[*place]).collect();
            let again = SoftKey::from_bytes(&*expanded_key(&enough).unwrap(), KeyType::Ed25519);
            assert_eq!(again.as_ref().unwrap().public_key(), keys[0].public_key());
            keys.push(again.unwrap());
        }
    }

    #[test]
    fn two_dealings_of_one_key_do_not_sign_together() {
        let key = SoftKey::from_bytes(&[3; 32], KeyType::Ed25519).unwrap();
        let quorum = Quorum::new(2, 2).unwrap();
        let dealt = || deal(&key.scalar().unwrap(), &key.public_key(), quorum).unwrap();
        let mut mixed = dealt();
        mixed.truncate(1);
        mixed.extend(dealt().into_iter().skip(1));
        assert!(matches!(
            prove(&mixed, &key.public_key()),
            Err(DealError::Frost(FrostError::Culprits(_)))
        ));
        let other = SoftKey::from_bytes(&[4; 32], KeyType::Ed25519).unwrap();
        let wrong = deal(&key.scalar().unwrap(), &other.public_key(), quorum).map(drop);
        assert!(matches!(wrong, Err(DealError::Share(_))));
    }
}
