//! What is used of the library: FROST with Ed25519 and SHA-512 (RFC 9591, 6.1).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use frost_core::{BindingFactorList, Challenge, GroupCommitment, derive_interpolating_value};
use frost_core::{Ciphersuite, Field, Group};
use frost_core::{compute_binding_factor_list, compute_group_commitment};
use frost_ed25519::keys::{KeyPackage, PublicKeyPackage, SigningShare, VerifyingShare};
use frost_ed25519::rand_core::OsRng;
use frost_ed25519::round1::{NonceCommitment, SigningCommitments, SigningNonces};
use frost_ed25519::{CheaterDetection, Ed25519Group, Ed25519ScalarField, Ed25519Sha512};
use frost_ed25519::{Error, Identifier, SigningPackage, VerifyingKey};
use frost_ed25519::{aggregate_custom, round1, round2};
use subtle_encoding::hex;

use crate::consensus::{PublicKey, Signature};
use crate::gate::permit::Permit;
use crate::shares::{KeyShare, Quorum};

/// Why there is no share, or no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrostError {
    /// Not as many as are needed, or this member is not among them.
    #[error("there are commitments of other members than of {0}, this one included")]
    Members(u16),
    /// Bytes are none.
    #[error("these bytes are not commitments or a share")]
    Bytes,
    /// What was worked out is of other bytes than those that may be signed.
    #[error("the commitments were put together for other bytes")]
    OtherBytes,
    /// Of a member of whom no public share is known.
    #[error("the public share of member {0} is not known")]
    Unknown(u16),
    /// These members sent shares that are not theirs for these bytes and commitments.
    #[error("the shares of members {0:?} are wrong")]
    Culprits(Vec<u16>),
    /// The whole is no signature, though each share seemed right.
    #[error("the shares give no signature")]
    NoSignature,
    /// The library refused, for a reason without secrets.
    #[error("{0}")]
    Library(String),
}

/// One member, with its share and what it knows of the others. The share is wiped when it is dropped.
pub struct Party {
    id: u16,
    quorum: Quorum,
    public_key: PublicKey,
    key: KeyPackage,
    group: PublicKeyPackage,
}

/// The secret half of a commitment: it makes one share and is gone. It cannot be copied, and no two shares can be made with it.
pub struct OneNonce(SigningNonces);

/// What a member shows of a nonce before the bytes are known. To see that bytes are some takes longer than to make them (RFC 9591,
/// 6.1: their points are of the group of prime order), so it is done once, on whichever thread has time for it.
#[derive(Clone)]
pub struct Commitments(Arc<Committed>);

struct Committed {
    bytes: Result<[u8; 64], FrostError>,
    read: OnceLock<Result<SigningCommitments, FrostError>>,
}

/// What members sign together: the bytes with the commitments of exactly as many members as are needed, and all that is worked out of
/// these alone (RFC 9591, 4.4 to 4.6), which is most of the arithmetic of a share. There is no secret in it.
pub struct Joint {
    package: SigningPackage,
    factors: BindingFactorList<Ed25519Sha512>,
    nonce: GroupCommitment<Ed25519Sha512>,
    challenge: Challenge<Ed25519Sha512>,
}

/// A member's part of a signature, worth nothing without those of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureShare(round2::SignatureShare);

impl Commitments {
    fn of(read: SigningCommitments) -> Self {
        let hiding = read.hiding().serialize();
        let both = hiding.and_then(|hiding| Ok([hiding, read.binding().serialize()?].concat()));
        let bytes = both.map_err(library);
        let bytes = bytes.and_then(|both| both.try_into().map_err(|_| FrostError::Bytes));
        Self(Arc::new(Committed {
            bytes,
            read: OnceLock::from(Ok(read)),
        }))
    }

    /// Hiding and binding, one after the other.
    ///
    /// # Errors
    /// They never fail for commitments that exist.
    pub fn to_bytes(&self) -> Result<[u8; 64], FrostError> {
        self.0.bytes.clone()
    }

    /// Bytes that are yet to be looked at. Nothing is made with them before.
    pub fn unread(bytes: [u8; 64]) -> Self {
        Self(Arc::new(Committed {
            bytes: Ok(bytes),
            read: OnceLock::new(),
        }))
    }

    /// Reads them strictly: points of the group of prime order, and not its identity.
    ///
    /// # Errors
    /// They are something else.
    pub fn from_bytes(bytes: &[u8; 64]) -> Result<Self, FrostError> {
        let unread = Self::unread(*bytes);
        unread.look().map(|()| unread)
    }

    /// Reads them as strictly now, if that was not done. Whoever else needs them meanwhile waits for it.
    ///
    /// # Errors
    /// They are something else.
    pub fn look(&self) -> Result<(), FrostError> {
        self.read().map(drop)
    }

    fn read(&self) -> Result<SigningCommitments, FrostError> {
        let read = self.0.read.get_or_init(|| {
            let bytes = self.to_bytes()?;
            let (hiding, binding) = bytes.split_at(32);
            let read = |half| NonceCommitment::deserialize(half).map_err(|_| FrostError::Bytes);
            Ok(SigningCommitments::new(read(hiding)?, read(binding)?))
        });
        read.clone()
    }
}

impl PartialEq for Commitments {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for Commitments {}

impl fmt::Debug for Commitments {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.bytes.clone().map(hex::encode);
        let bytes = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        to.debug_tuple("Commitments").field(&bytes).finish()
    }
}

impl SignatureShare {
    /// The number, little-endian.
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.serialize()
    }

    /// Reads it strictly: below the order of the group.
    ///
    /// # Errors
    /// It is not.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, FrostError> {
        let read = round2::SignatureShare::deserialize(bytes);
        read.map(Self).map_err(|_| FrostError::Bytes)
    }
}

impl OneNonce {
    /// What was shown of it.
    pub fn commitments(&self) -> Commitments {
        Commitments::of(*self.0.commitments())
    }

    /// This member's share of the signature of exactly the permit's bytes, together with the members of these commitments, which
    /// are as many as are needed. The nonce is gone, whatever comes of it.
    ///
    /// # Errors
    /// The commitments are those of other members, or not this one's of this nonce.
    pub fn share(
        self,
        party: &Party,
        permit: &Permit,
        of_all: &BTreeMap<u16, Commitments>,
    ) -> Result<SignatureShare, FrostError> {
        let joint = party.joint(permit.bytes(), of_all)?;
        self.share_of(party, permit, &joint)
    }

    /// The same, where what the members sign is worked out already: the steps of [`round2::sign`] that are left.
    ///
    /// # Errors
    /// It is of other bytes than the permit, or of other commitments than this nonce's.
    pub fn share_of(
        self,
        party: &Party,
        permit: &Permit,
        joint: &Joint,
    ) -> Result<SignatureShare, FrostError> {
        if joint.package.message() != permit.bytes() {
            return Err(FrostError::OtherBytes);
        }
        let own = party.key.identifier();
        let shown = joint.package.signing_commitments().get(own);
        match shown {
            None => return Err(library(Error::MissingCommitment)),
            Some(shown) if shown != self.0.commitments() => {
                return Err(library(Error::IncorrectCommitment));
            }
            Some(_) => {}
        }
        let factor = joint.factors.get(own).cloned();
        let share = Ed25519Sha512::compute_signature_share(
            &joint.nonce,
            &self.0,
            factor.ok_or(library(Error::UnknownIdentifier))?,
            derive_interpolating_value(own, &joint.package).map_err(library)?,
            &party.key,
            joint.challenge,
        );
        Ok(SignatureShare(share))
    }
}

impl Party {
    /// The member whose share it is.
    ///
    /// # Errors
    /// The library refuses the share, which was looked at when it was read.
    pub fn new(share: &KeyShare) -> Result<Self, FrostError> {
        let quorum = share.quorum();
        let secret = SigningShare::deserialize(&*share.shard().to_bytes()).map_err(library)?;
        let group = VerifyingKey::deserialize(share.public_key().as_bytes()).map_err(library)?;
        let mut of_all = BTreeMap::new();
        for (id, public) in share.public_shares().iter() {
            let public = VerifyingShare::deserialize(public).map_err(library)?;
            of_all.insert(identifier(id)?, public);
        }
        let own = identifier(share.id())?;
        let public = of_all.get(&own).ok_or(FrostError::Unknown(share.id()))?;
        Ok(Self {
            id: share.id(),
            quorum,
            public_key: share.public_key().clone(),
            key: KeyPackage::new(own, secret, *public, group, quorum.threshold()),
            group: PublicKeyPackage::new(of_all, group, Some(quorum.threshold())),
        })
    }

    /// Its id.
    pub fn id(&self) -> u16 {
        self.id
    }

    /// How many of how many sign.
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// The key of the whole.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// A fresh nonce, random and mixed with the share (RFC 9591, 4.1), and what is shown of it.
    pub fn commit(&self) -> (OneNonce, Commitments) {
        let (nonce, shown) = round1::commit(self.key.signing_share(), &mut OsRng);
        (OneNonce(nonce), Commitments::of(shown))
    }

    /// What the members with these commitments sign together.
    ///
    /// # Errors
    /// They are not as many as are needed, or none.
    pub fn joint(
        &self,
        bytes: &[u8],
        of_all: &BTreeMap<u16, Commitments>,
    ) -> Result<Joint, FrostError> {
        let package = self.package(bytes, of_all)?;
        let key = self.group.verifying_key();
        let factors = compute_binding_factor_list(&package, key, &[]).map_err(library)?;
        let nonce = compute_group_commitment(&package, &factors).map_err(library)?;
        let challenge = Ed25519Sha512::challenge(&nonce.clone().to_element(), key, bytes);
        Ok(Joint {
            package,
            factors,
            nonce,
            challenge: challenge.map_err(library)?,
        })
    }

    /// The signature that the shares of all its members give, verified as any other one (W13). Which share is wrong, if one is, is
    /// looked for after that.
    ///
    /// # Errors
    /// Who sent a wrong share, or what else is wrong.
    pub fn aggregate(
        &self,
        joint: &Joint,
        shares: &BTreeMap<u16, SignatureShare>,
    ) -> Result<Signature, FrostError> {
        let mut sum = Ed25519ScalarField::zero();
        let mut by_identifier = BTreeMap::new();
        for (id, share) in shares {
            let identifier = identifier(*id)?;
            if !self.group.verifying_shares().contains_key(&identifier) {
                return Err(FrostError::Unknown(*id));
            }
            by_identifier.insert(identifier, share.0);
            let number = share.to_bytes().try_into().map_err(|_| FrostError::Bytes)?;
            let number = Ed25519ScalarField::deserialize(&number);
            sum += number.map_err(|error| library(error.into()))?;
        }
        let package = &joint.package;
        if !by_identifier
            .keys()
            .eq(package.signing_commitments().keys())
        {
            return Err(FrostError::Members(self.quorum.threshold()));
        }
        let nonce = Ed25519Group::serialize(&joint.nonce.clone().to_element());
        let nonce = nonce.map_err(|error| library(error.into()))?;
        let halves = [nonce, Ed25519ScalarField::serialize(&sum)];
        let signature = Signature::from_bytes(halves.concat());
        if self.public_key.verify(package.message(), &signature) {
            return Ok(signature);
        }
        let all = CheaterDetection::AllCheaters;
        match aggregate_custom(package, &by_identifier, &self.group, all) {
            Ok(_) => Err(FrostError::NoSignature),
            Err(error) => Err(self.culprits(error)),
        }
    }

    fn culprits(&self, error: Error) -> FrostError {
        match error {
            Error::InvalidSignatureShare { culprits } => {
                let all = 1..=self.quorum.members();
                let is_one = |id: &u16| identifier(*id).is_ok_and(|id| culprits.contains(&id));
                FrostError::Culprits(all.filter(is_one).collect())
            }
            other => library(other),
        }
    }

    /// The bytes with the commitments of exactly as many members as are needed.
    fn package(
        &self,
        bytes: &[u8],
        of_all: &BTreeMap<u16, Commitments>,
    ) -> Result<SigningPackage, FrostError> {
        let threshold = self.quorum.threshold();
        let are_members = of_all
            .keys()
            .all(|id| (1..=self.quorum.members()).contains(id));
        if of_all.len() != usize::from(threshold) || !are_members {
            return Err(FrostError::Members(threshold));
        }
        let mut commitments = BTreeMap::new();
        for (id, shown) in of_all {
            commitments.insert(identifier(*id)?, shown.read()?);
        }
        Ok(SigningPackage::new(commitments, bytes))
    }
}

fn identifier(id: u16) -> Result<Identifier, FrostError> {
    Identifier::try_from(id).map_err(library)
}

fn library(error: Error) -> FrostError {
    FrostError::Library(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use frost_core::round1::Nonce;
    use frost_ed25519::Ed25519Sha512;
    use subtle_encoding::hex;

    use super::*;
    use crate::consensus::ChainId;
    use crate::gate::raw::{Dialect, RawPolicy, self_test};
    use crate::request::RawRequest;
    use crate::shares::{PublicShares, Shard};

    fn permit_of(bytes: &[u8]) -> Permit {
        let policy = RawPolicy {
            dialect: Dialect::CometbftV1,
            max_bytes: 100,
        };
        let request = RawRequest {
            first: bytes.to_vec(),
            ..RawRequest::default()
        };
        let chain: ChainId = "test-1".parse().unwrap();
        policy.admit(&chain, &request, Duration::MAX).unwrap()
    }

    fn parties(shards: impl IntoIterator<Item = Shard>, quorum: Quorum) -> Vec<Party> {
        let shards: Vec<Shard> = shards.into_iter().collect();
        let mut public = PublicShares::default();
        for shard in &shards {
            public.insert(shard.id.try_into().unwrap(), shard.public_share());
        }
        shards
            .into_iter()
            .map(|shard| {
                Party::new(&KeyShare::new(shard, quorum, public.clone()).unwrap()).unwrap()
            })
            .collect()
    }

    /// Those that horcrux dealt, in its own folder.
    fn horcrux(folder: &str) -> Vec<Party> {
        let (threshold, members) = folder.split_once('-').unwrap();
        let (threshold, members) = (threshold.parse().unwrap(), members.parse().unwrap());
        let read = |id: u16| {
            let path = format!("tests/horcrux/{folder}/{id}_shard.json");
            Shard::from_json(&std::fs::read(path).unwrap()).unwrap()
        };
        parties(
            (1..=members).map(read),
            Quorum::new(threshold, members).unwrap(),
        )
    }

    type Nonces = BTreeMap<u16, OneNonce>;

    fn commit(parties: &[&Party]) -> (Nonces, BTreeMap<u16, Commitments>) {
        let both = parties.iter().map(|party| (party.id(), party.commit()));
        both.map(|(id, (nonce, shown))| ((id, nonce), (id, shown)))
            .unzip()
    }

    fn sign(parties: &[&Party], permit: &Permit) -> Result<Signature, FrostError> {
        let (nonces, of_all) = commit(parties);
        let shares = parties.iter().zip(nonces);
        let shares = shares
            .map(|(party, (id, nonce))| Ok((id, nonce.share(party, permit, &of_all)?)))
            .collect::<Result<_, FrostError>>()?;
        parties[0].aggregate(&parties[0].joint(permit.bytes(), &of_all)?, &shares)
    }

    /// RFC 9591, appendix E.1.
    #[test]
    fn the_vectors_of_the_rfc() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/frost/rfc9591-ed25519.json"))
                .unwrap();
        let bytes = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
        let half = |value: &serde_json::Value| <[u8; 32]>::try_from(bytes(value)).unwrap();
        let inputs = &vectors["inputs"];
        let public = half(&inputs["verifying_key_key"]);
        let shards = inputs["participant_shares"]
            .as_array()
            .unwrap()
            .iter()
            .map(|share| {
                let id = share["identifier"].as_u64().unwrap().try_into().unwrap();
                Shard::new(id, public, &half(&share["participant_share"])).unwrap()
            });
        let parties = parties(shards, Quorum::new(2, 3).unwrap());
        let permit = permit_of(&bytes(&inputs["message"]));
        let (mut nonces, mut of_all) = (Nonces::new(), BTreeMap::new());
        for one in vectors["round_one_outputs"]["outputs"].as_array().unwrap() {
            let id: u16 = one["identifier"].as_u64().unwrap().try_into().unwrap();
            let nonce =
                |name: &str| Nonce::<Ed25519Sha512>::deserialize(&bytes(&one[name])).unwrap();
            let nonce = SigningNonces::from_nonces(nonce("hiding_nonce"), nonce("binding_nonce"));
            let shown = Commitments::of(*nonce.commitments());
            let expected = [
                bytes(&one["hiding_nonce_commitment"]),
                bytes(&one["binding_nonce_commitment"]),
            ];
            assert_eq!(shown.to_bytes().unwrap().to_vec(), expected.concat());
            assert_eq!(
                Commitments::from_bytes(&shown.to_bytes().unwrap()),
                Ok(shown.clone())
            );
            nonces.insert(id, OneNonce(nonce));
            of_all.insert(id, shown);
        }
        let mut shares = BTreeMap::new();
        for one in vectors["round_two_outputs"]["outputs"].as_array().unwrap() {
            let id: u16 = one["identifier"].as_u64().unwrap().try_into().unwrap();
            let party = &parties[usize::from(id) - 1];
            let share = nonces
                .remove(&id)
                .unwrap()
                .share(party, &permit, &of_all)
                .unwrap();
            assert_eq!(share.to_bytes(), bytes(&one["sig_share"]));
            assert_eq!(
                SignatureShare::from_bytes(&half(&one["sig_share"])),
                Ok(share)
            );
            shares.insert(id, share);
        }
        let joint = parties[1].joint(permit.bytes(), &of_all).unwrap();
        let signature = parties[1].aggregate(&joint, &shares).unwrap();
        assert_eq!(signature.as_slice(), bytes(&vectors["final_output"]["sig"]));
    }

    /// The public key stays, whoever dealt, and whichever of them sign.
    #[test]
    fn the_shares_that_horcrux_dealt_sign_for_its_key() {
        let permit = self_test(1, 0, Duration::MAX).unwrap();
        for (folder, ids) in [
            ("2-3", &[1, 2][..]),
            ("2-3", &[1, 3]),
            ("2-3", &[3, 2]),
            ("3-5", &[1, 2, 3]),
            ("3-5", &[5, 3, 1]),
            ("5-7", &[7, 6, 5, 4, 3]),
        ] {
            let all = horcrux(folder);
            let some: Vec<&Party> = all
                .iter()
                .filter(|party| ids.contains(&party.id()))
                .collect();
            let signature = sign(&some, &permit).unwrap();
            let whole =
                std::fs::read(format!("tests/horcrux/{folder}/priv_validator_key.json")).unwrap();
            let whole =
                crate::backends::softsign::key::SoftKey::from_json(&whole, Default::default());
            assert!(
                whole
                    .unwrap()
                    .public_key()
                    .verify(permit.bytes(), &signature)
            );
            // Two signatures of the same bytes differ, and both are valid.
            assert_ne!(sign(&some, &permit).unwrap(), signature);
        }
    }

    #[test]
    fn who_sends_a_wrong_share_is_named() {
        let all = horcrux("3-5");
        let some: Vec<&Party> = [1, 3, 4].map(|at| &all[at]).into();
        let permit = self_test(1, 0, Duration::MAX).unwrap();
        let other = self_test(2, 0, Duration::MAX).unwrap();
        let (nonces, of_all) = commit(&some);
        // MemberGate 4 signs something else, and 5 with a share that is not its own.
        let shares: BTreeMap<u16, SignatureShare> = nonces
            .into_iter()
            .zip(&some)
            .map(|((id, nonce), party)| {
                let permit = if id == 4 { &other } else { &permit };
                let mut share = nonce.share(party, permit, &of_all).unwrap();
                if id == 5 {
                    let mut bytes: [u8; 32] = share.to_bytes().try_into().unwrap();
                    bytes[0] ^= 1;
                    share = SignatureShare::from_bytes(&bytes).unwrap();
                }
                (id, share)
            })
            .collect();
        let joint = some[0].joint(permit.bytes(), &of_all).unwrap();
        let told = some[0].aggregate(&joint, &shares);
        assert_eq!(told, Err(FrostError::Culprits(vec![4, 5])));
    }

    #[test]
    fn a_share_is_given_with_the_right_commitments_only() {
        let all = horcrux("2-3");
        let permit = self_test(1, 0, Duration::MAX).unwrap();
        let both: Vec<&Party> = all[..2].iter().collect();
        let of = |parties: &[&Party]| commit(parties).1;
        let nonce = || all[0].commit();
        // Too few, too many, without its own, of nobody, its own of another nonce.
        for of_all in [of(&both[..1]), of(&all.iter().collect::<Vec<_>>())] {
            let refused = nonce().0.share(&all[0], &permit, &of_all);
            assert_eq!(refused, Err(FrostError::Members(2)));
        }
        let without: Vec<&Party> = all[1..].iter().collect();
        let refused = nonce().0.share(&all[0], &permit, &of(&without));
        assert!(
            matches!(refused, Err(FrostError::Library(_))),
            "{refused:?}"
        );
        let mut nobody = of(&both);
        let shown = nobody.remove(&2).unwrap();
        nobody.insert(4, shown);
        assert_eq!(
            nonce().0.share(&all[0], &permit, &nobody),
            Err(FrostError::Members(2))
        );
        let refused = nonce().0.share(&all[0], &permit, &of(&both));
        assert!(
            matches!(refused, Err(FrostError::Library(_))),
            "{refused:?}"
        );
        // Worked out for other bytes, and with another nonce of the same member.
        let (own, shown) = nonce();
        let all_of = BTreeMap::from([(1, shown), (2, all[1].commit().1)]);
        let joint = |permit: &Permit| all[0].joint(permit.bytes(), &all_of).unwrap();
        let other = self_test(2, 0, Duration::MAX).unwrap();
        let refused = own.share_of(&all[0], &permit, &joint(&other));
        assert_eq!(refused, Err(FrostError::OtherBytes));
        let refused = nonce().0.share_of(&all[0], &permit, &joint(&permit));
        assert_eq!(refused, Err(library(Error::IncorrectCommitment)));
        let refused = all[2]
            .commit()
            .0
            .share_of(&all[2], &permit, &joint(&permit));
        assert_eq!(refused, Err(library(Error::MissingCommitment)));
        // What is not looked at yet is looked at before anything is made of it.
        let mut unread = all_of.clone();
        unread.insert(2, Commitments::unread([0xff; 64]));
        assert_eq!(
            all[0].joint(permit.bytes(), &unread).err(),
            Some(FrostError::Bytes)
        );
        // Commitments that are no points, or the identity, or of small order.
        for half in [
            [0xff; 32],
            [0; 32],
            [&[1][..], &[0; 31]].concat().try_into().unwrap(),
        ] {
            let bytes: [u8; 64] = [half, half].concat().try_into().unwrap();
            assert_eq!(Commitments::from_bytes(&bytes), Err(FrostError::Bytes));
        }
        assert_eq!(
            SignatureShare::from_bytes(&[0xff; 32]),
            Err(FrostError::Bytes)
        );
    }
}
