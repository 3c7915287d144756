//! The public halves of shares, and whether they are of one dealing.

use std::collections::BTreeMap;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::traits::{Identity, IsIdentity};

use crate::consensus::PublicKey;

use super::combine::lagrange;
use super::quorum::Quorum;

/// The public halves of members' shares, by their ids. By them a member's part of a signature is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicShares(BTreeMap<u16, [u8; 32]>);

/// Why public shares are not of one dealing of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicSharesError {
    /// The bytes are none.
    #[error("the public share of member {0} is not a point of Ed25519")]
    Point(u16),
    /// Of nobody.
    #[error("there is a public share of member {0}, and there is no such member")]
    Id(u16),
    /// They do not lie on one polynomial.
    #[error("the public share of member {0} does not belong to the others and the public key")]
    Stranger(u16),
    /// They lie on one, of another key.
    #[error("the public shares are of another key")]
    OtherKey,
    /// They lie on one of a lower degree.
    #[error("fewer shares than {0} give the key already, and {0} are said to be needed")]
    Fewer(u16),
}

impl PublicShares {
    /// Adds one, in place of what was said of this member before.
    pub fn insert(&mut self, id: u16, share: [u8; 32]) {
        self.0.insert(id, share);
    }

    /// That of a member.
    pub fn get(&self, id: u16) -> Option<&[u8; 32]> {
        self.0.get(&id)
    }

    /// All that are known, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &[u8; 32])> {
        self.0.iter().map(|(id, share)| (*id, share))
    }

    /// The members of whom none is known.
    pub fn missing(&self, quorum: Quorum) -> Vec<u16> {
        let all = 1..=quorum.members();
        all.filter(|id| !self.0.contains_key(id)).collect()
    }

    /// Whether any `threshold` of them give the public key. Fewer than that are looked at one by one only.
    ///
    /// If the first `threshold` of them give it, and give every other one, then all of them lie on one polynomial of a degree
    /// below `threshold` that has the key at 0, and so any choice gives it.
    ///
    /// # Errors
    /// What does not belong to them.
    pub fn verify(&self, quorum: Quorum, key: &PublicKey) -> Result<(), PublicSharesError> {
        let mut points = Vec::new();
        for (id, share) in self.iter() {
            if id == 0 || id > quorum.members() {
                return Err(PublicSharesError::Id(id));
            }
            points.push((id, point(share).ok_or(PublicSharesError::Point(id))?));
        }
        let enough = usize::from(quorum.threshold());
        let Some((first, others)) = points.split_at_checked(enough) else {
            return Ok(());
        };
        let ids: Vec<u32> = first.iter().map(|(id, _)| u32::from(*id)).collect();
        let at = |place: u32| {
            first
                .iter()
                .fold(EdwardsPoint::identity(), |sum, (id, point)| {
                    sum + point * lagrange(&ids, u32::from(*id), place)
                })
        };
        if at(0).compress().as_bytes().as_slice() != key.as_bytes() {
            return Err(PublicSharesError::OtherKey);
        }
        // A polynomial of a degree below threshold - 1 is given by fewer values already.
        let fewer = ids.split_last().map_or(&[][..], |(_, fewer)| fewer);
        let sum = first
            .iter()
            .zip(fewer)
            .fold(EdwardsPoint::identity(), |sum, ((_, point), id)| {
                sum + point * lagrange(fewer, *id, 0)
            });
        if sum.compress().as_bytes().as_slice() == key.as_bytes() {
            return Err(PublicSharesError::Fewer(quorum.threshold()));
        }
        match others
            .iter()
            .find(|(id, point)| at(u32::from(*id)) != *point)
        {
            Some((id, _)) => Err(PublicSharesError::Stranger(*id)),
            None => Ok(()),
        }
    }
}

/// A point of the group that has the prime order, and not its identity.
fn point(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
    let point = CompressedEdwardsY(*bytes).decompress()?;
    let is_canonical = point.compress().as_bytes() == bytes;
    (is_canonical && point.is_torsion_free() && !point.is_identity()).then_some(point)
}
