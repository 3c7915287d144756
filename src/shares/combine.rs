//! From shards to the key.

use curve25519_dalek::Scalar;
use curve25519_dalek::edwards::EdwardsPoint;
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

use crate::consensus::PublicKey;

use super::clamped::clamped;
use super::shard::Shard;

/// The value at `at` of the polynomial through the shards, whose ids differ.
pub(super) fn value_at(shards: &[&Shard], at: u32) -> Scalar {
    let ids: Vec<u32> = shards.iter().map(|shard| shard.id).collect();
    shards.iter().fold(Scalar::ZERO, |sum, shard| {
        sum + shard.value * lagrange(&ids, shard.id, at)
    })
}

/// What the value at `id` counts in the value at `at` of the polynomial that is given by its values at `ids`, which differ.
pub(super) fn lagrange(ids: &[u32], id: u32, at: u32) -> Scalar {
    let (mut above, mut below) = (Scalar::ONE, Scalar::ONE);
    for other in ids.iter().copied().filter(|other| *other != id) {
        above *= Scalar::from(at) - Scalar::from(other);
        below *= Scalar::from(id) - Scalar::from(other);
    }
    above * below.invert()
}

/// Whether the shards give the key whose public half each of them names.
pub(super) fn give_their_key(shards: &[&Shard]) -> bool {
    let mut scalar = value_at(shards, 0);
    let public = EdwardsPoint::mul_base(&scalar).compress();
    scalar.zeroize();
    let public = PublicKey::Ed25519(public.to_bytes());
    shards
        .first()
        .is_some_and(|shard| shard.public_key == public)
}

/// The scalar has no form in which key files hold it: the shards are not of a key that was made from a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("they are not of a key that was made from a seed, so no key file can hold it")]
pub struct NotExpandable;

/// The key that the shards give, as an expanded key of 64 bytes: the clamped scalar, and a nonce prefix that is made from it,
/// so that the same key comes of any of its shards. The seed cannot be had from them, nor the prefix that it had.
///
/// # Errors
/// There is no clamped form of the scalar.
pub fn expanded_key(shards: &[&Shard]) -> Result<Zeroizing<[u8; 64]>, NotExpandable> {
    let mut scalar = value_at(shards, 0);
    let clamped = clamped(&scalar).ok_or(NotExpandable);
    scalar.zeroize();
    let clamped = clamped?;
    let prefix = Zeroizing::new(<[u8; 64]>::from(
        Sha512::new()
            .chain_update(b"tmkms/ed25519/recovered/nonce-prefix")
            .chain_update(*clamped)
            .finalize(),
    ));
    let mut key = Zeroizing::new([0; 64]);
    let (first, second) = key.split_at_mut(32);
    first.copy_from_slice(&*clamped);
    second
        .iter_mut()
        .zip(prefix.iter())
        .for_each(|(to, from)| *to = *from);
    Ok(key)
}
