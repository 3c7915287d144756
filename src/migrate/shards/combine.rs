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
    let mut sum = Scalar::ZERO;
    for shard in shards {
        let (mut above, mut below) = (Scalar::ONE, Scalar::ONE);
        for other in shards.iter().filter(|other| other.id != shard.id) {
            above *= Scalar::from(at) - Scalar::from(other.id);
            below *= Scalar::from(shard.id) - Scalar::from(other.id);
        }
        sum += shard.value * above * below.invert();
    }
    sum
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
