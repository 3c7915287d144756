//! Who looks on: every share that leaves a member is held against what must never be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use frost_ed25519::keys::{PublicKeyPackage, VerifyingShare};
use frost_ed25519::round1::{NonceCommitment, SigningCommitments};
use frost_ed25519::{Ed25519Sha512, Identifier, SigningPackage, VerifyingKey, round2};
use tmkms::backends::cosign::{AskedShare, Commitments, SignatureShare};
use tmkms::consensus::{ExtensionPosition, Hrs, PublicKey, SignBytes, Signature, Step};
use tmkms::gate::watermark::Watermark;
use tmkms::shares::KeyShare;

/// What must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Two messages at one position have shares of as many members as are needed.
    Conflict(Hrs),
    /// A nonce has made two shares: the member's share of the key can be computed from them.
    NonceTwice(u16),
    /// A share of bytes that are not what the member's disk stands at.
    NotOnDisk(u16),
    /// A share that is none, or is of other bytes than were asked for.
    WrongShare(u16),
    /// Bytes that no member may sign: of another chain, a vote as raw bytes, an extension of nothing, far ahead.
    Forbidden(u16),
}

/// One splitting, and everything that was seen of it.
pub struct Judge {
    threshold: usize,
    key: PublicKey,
    group: VerifyingKey,
    public: BTreeMap<u16, VerifyingShare>,
    /// A whole disk of a member that lies about it shows nothing; then conflicts have to be found as such.
    pub looks_at_disks: bool,
    /// Whose shares of which message were seen.
    given: HashMap<Vec<u8>, BTreeSet<u16>>,
    at: HashMap<Hrs, Vec<Vec<u8>>>,
    used: HashSet<(u16, [u8; 64])>,
    /// Shares of one set of members and nonces.
    sets: HashMap<Vec<u8>, BTreeMap<u16, SignatureShare>>,
    /// Signatures that came of them.
    pub signatures: Vec<(SignBytes, Signature)>,
    pub signed: HashSet<Hrs>,
}

fn identifier(id: u16) -> Identifier {
    Identifier::try_from(id).unwrap()
}

pub fn commitments(shown: &Commitments) -> SigningCommitments {
    let bytes = shown.to_bytes().unwrap();
    let read = |half: &[u8]| NonceCommitment::deserialize(half).unwrap();
    SigningCommitments::new(read(&bytes[..32]), read(&bytes[32..]))
}

pub fn package(asked: &AskedShare) -> SigningPackage {
    let all = asked.commitments.iter();
    let all = all.map(|(id, shown)| (identifier(*id), commitments(shown)));
    SigningPackage::new(all.collect(), &asked.bytes)
}

impl Judge {
    pub fn of(share: &KeyShare) -> Self {
        let public = share.public_shares().iter();
        Self {
            threshold: share.quorum().threshold().into(),
            key: share.public_key().clone(),
            group: VerifyingKey::deserialize(share.public_key().as_bytes()).unwrap(),
            public: public
                .map(|(id, public)| (id, VerifyingShare::deserialize(public).unwrap()))
                .collect(),
            looks_at_disks: true,
            given: HashMap::new(),
            at: HashMap::new(),
            used: HashSet::new(),
            sets: HashMap::new(),
            signatures: Vec::new(),
            signed: HashSet::new(),
        }
    }

    /// A share that a member gave, when its disk stood there.
    pub fn share(
        &mut self,
        member: u16,
        asked: &AskedShare,
        share: SignatureShare,
        disk: &Watermark,
    ) -> Result<(), Broken> {
        let own = asked
            .commitments
            .get(&member)
            .ok_or(Broken::WrongShare(member))?;
        self.is_right(member, asked, share)?;
        if !self.used.insert((member, own.to_bytes().unwrap())) {
            return Err(Broken::NonceTwice(member));
        }
        match SignBytes::from_record(asked.bytes.clone()) {
            Ok((bytes, position)) => {
                let stands = matches!(disk, Watermark::Message(last) if last.bytes() == &bytes);
                if self.looks_at_disks && !stands {
                    return Err(Broken::NotOnDisk(member));
                }
                let height = position.hrs.height.get();
                if position.chain_id != asked.chain_id || height > 1 << 40 {
                    return Err(Broken::Forbidden(member));
                }
                self.message(member, asked, position.hrs)?;
            }
            Err(_) => self.beside(member, asked, disk)?,
        }
        self.whole(asked, member, share)
    }

    /// By the library that other programs have, too, and not by what made it.
    fn is_right(
        &self,
        member: u16,
        asked: &AskedShare,
        share: SignatureShare,
    ) -> Result<(), Broken> {
        let share = round2::SignatureShare::deserialize(&share.to_bytes()).unwrap();
        let right = frost_core::verify_signature_share::<Ed25519Sha512>(
            identifier(member),
            &self.public[&member],
            &share,
            &package(asked),
            &self.group,
        );
        right.map_err(|_| Broken::WrongShare(member))
    }

    fn message(&mut self, member: u16, asked: &AskedShare, hrs: Hrs) -> Result<(), Broken> {
        let bytes = &asked.bytes;
        if !self.given.contains_key(bytes) {
            self.at.entry(hrs).or_default().push(bytes.clone());
        }
        self.given.entry(bytes.clone()).or_default().insert(member);
        let enough = |bytes: &&Vec<u8>| self.given[*bytes].len() >= self.threshold;
        match self.at[&hrs].iter().filter(enough).count() {
            0 | 1 => Ok(()),
            _ => Err(Broken::Conflict(hrs)),
        }
    }

    /// Neither a vote nor a proposal.
    fn beside(&self, member: u16, asked: &AskedShare, disk: &Watermark) -> Result<(), Broken> {
        let Ok(at) = ExtensionPosition::read(&asked.bytes) else {
            // Raw bytes, which the members of this judge may sign, if no chain can read a message in them.
            return match SignBytes::raw(asked.bytes.clone()) {
                Some(_) => Ok(()),
                None => Err(Broken::Forbidden(member)),
            };
        };
        let of_its_precommit = matches!(disk, Watermark::Message(last)
            if last.position().hrs == Hrs { height: at.height, round: at.round, step: Step::Precommit }
                && last.position().block.is_some());
        let is_its_own = of_its_precommit || !self.looks_at_disks;
        match is_its_own && at.chain_id == asked.chain_id {
            true => Ok(()),
            false => Err(Broken::Forbidden(member)),
        }
    }

    /// When all of one set have given their shares these are a signature.
    fn whole(
        &mut self,
        asked: &AskedShare,
        member: u16,
        share: SignatureShare,
    ) -> Result<(), Broken> {
        let mut set = asked.bytes.clone();
        for shown in asked.commitments.values() {
            set.extend(shown.to_bytes().unwrap());
        }
        let shares = self.sets.entry(set).or_default();
        shares.insert(member, share);
        if shares.len() < self.threshold {
            return Ok(());
        }
        let read = |share: &SignatureShare| round2::SignatureShare::deserialize(&share.to_bytes());
        let shares = shares.iter();
        let shares = shares.map(|(id, share)| (identifier(*id), read(share).unwrap()));
        let public = self
            .public
            .iter()
            .map(|(id, public)| (identifier(*id), *public));
        let group = PublicKeyPackage::new(public.collect(), self.group, None);
        let signature = frost_ed25519::aggregate(&package(asked), &shares.collect(), &group);
        let signature = signature.map_err(|_| Broken::WrongShare(member))?;
        let signature = Signature::from_bytes(signature.serialize().unwrap());
        assert!(self.key.verify(&asked.bytes, &signature));
        if let Ok((bytes, position)) = SignBytes::from_record(asked.bytes.clone()) {
            self.signed.insert(position.hrs);
            self.signatures.push((bytes, signature));
        }
        Ok(())
    }

    /// The messages of a position of which so many members have given shares.
    pub fn shares_of(&self, bytes: &[u8]) -> BTreeSet<u16> {
        self.given.get(bytes).cloned().unwrap_or_default()
    }

    /// No position that is fought for has sets that were begun before.
    pub fn forget_sets(&mut self) {
        self.sets.clear();
    }

    /// Positions at which a share was given, and none has a signature.
    pub fn lost(&self) -> usize {
        self.at
            .keys()
            .filter(|hrs| !self.signed.contains(hrs))
            .count()
    }
}
