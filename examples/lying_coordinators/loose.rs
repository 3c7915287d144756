//! Members with one mistake each. What the program is made of does not let itself be misused so: these sign with the library
//! itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use frost_ed25519::keys::{KeyPackage, SigningShare, VerifyingShare};
use frost_ed25519::rand_core::OsRng;
use frost_ed25519::round1::{self, SigningNonces};
use frost_ed25519::{Identifier, VerifyingKey, round2};
use parking_lot::Mutex;

use tmkms::backends::cosign::{
    AskedShare, Commitments, MadeSignature, MemberStanding, NonceId, Serve, ServedAnswer,
    ShownNonce, ShownTo, SignatureShare,
};
use tmkms::chain::Chain;
use tmkms::cosigner::{Given, MemberGate};
use tmkms::shares::KeyShare;

use super::judge::{Broken, package};

/// What members are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    AsTheyAre,
    /// A nonce stays where it is when it is used.
    NonceStays,
    /// The lock is that of a whole signer: the same vote at another time is signed, too.
    NotStrict,
    /// A share is given before the lock is on the disk.
    NotDurable,
}

/// What a mistake has to be caught as.
pub type IsIt = fn(&Broken) -> bool;

pub fn is_conflict(broken: &Broken) -> bool {
    matches!(broken, Broken::Conflict(_))
}

pub const CONTROLS: [(Members, IsIt); 3] = [
    (Members::NonceStays, |broken| {
        matches!(broken, Broken::NonceTwice(_))
    }),
    (Members::NotStrict, is_conflict),
    (Members::NotDurable, |broken| {
        matches!(broken, Broken::NotOnDisk(_))
    }),
];

pub struct LooseMember {
    key: KeyPackage,
    chain: Arc<Chain>,
    pool: u64,
    nonces: Mutex<BTreeMap<u64, SigningNonces>>,
    mistake: Members,
}

impl LooseMember {
    pub fn new(share: &KeyShare, chain: Arc<Chain>, pool: u64, mistake: Members) -> Self {
        let own = Identifier::try_from(share.id()).unwrap();
        let secret = SigningShare::deserialize(&*share.shard().to_bytes()).unwrap();
        let public = share.public_shares().get(share.id()).unwrap();
        let public = VerifyingShare::deserialize(public).unwrap();
        let group = VerifyingKey::deserialize(share.public_key().as_bytes()).unwrap();
        Self {
            key: KeyPackage::new(own, secret, public, group, share.quorum().threshold()),
            chain,
            pool,
            nonces: Mutex::default(),
            mistake,
        }
    }

    fn share(&self, nonce: &SigningNonces, asked: &AskedShare) -> ServedAnswer {
        match round2::sign(&package(asked), nonce, &self.key) {
            Ok(share) => {
                let bytes: [u8; 32] = share.serialize().try_into().unwrap();
                ServedAnswer::Share(SignatureShare::from_bytes(&bytes).unwrap())
            }
            Err(error) => ServedAnswer::Refused(error.to_string()),
        }
    }
}

impl Serve for LooseMember {
    fn serve(&self, _: ShownTo, asked: &AskedShare) -> ServedAnswer {
        if asked.chain_id != *self.chain.id() {
            return ServedAnswer::Refused("another chain".to_owned());
        }
        let nonce = match self.mistake {
            Members::NonceStays => self.nonces.lock().get(&asked.nonce.number).cloned(),
            _ => self.nonces.lock().remove(&asked.nonce.number),
        };
        let Some(nonce) = nonce.filter(|_| asked.nonce.pool == self.pool) else {
            return ServedAnswer::NoNonce;
        };
        let mut made = None;
        let given = self.chain.give(asked.bytes.clone(), &mut || (), &mut |_| {
            made = Some(self.share(&nonce, asked));
        });
        match (given, made) {
            (Given::Share, Some(made)) => made,
            (Given::Locked(_) | Given::Signed { .. }, _) if self.mistake == Members::NotStrict => {
                self.share(&nonce, asked)
            }
            (Given::Locked(on), _) => ServedAnswer::Locked(on.as_slice().to_vec()),
            (
                Given::Signed {
                    signature,
                    timestamp,
                },
                _,
            ) => ServedAnswer::Signed {
                signature,
                timestamp,
            },
            (Given::Refused(refusal), _) => ServedAnswer::Refused(refusal.to_string()),
            (Given::Share, None) => ServedAnswer::NoNonce,
        }
    }

    fn show(&self, _: ShownTo) -> Option<ShownNonce> {
        let (nonce, shown) = round1::commit(self.key.signing_share(), &mut OsRng);
        let halves = [
            shown.hiding().serialize().unwrap(),
            shown.binding().serialize().unwrap(),
        ];
        let bytes: [u8; 64] = halves.concat().try_into().unwrap();
        let mut nonces = self.nonces.lock();
        let number = nonces.last_key_value().map_or(0, |(number, _)| number + 1);
        nonces.insert(number, nonce);
        Some(ShownNonce {
            nonce: NonceId {
                pool: self.pool,
                number,
            },
            commitments: Commitments::from_bytes(&bytes).unwrap(),
        })
    }

    fn learn(&self, told: MadeSignature) {
        let _ = self.chain.learn(told.bytes, &told.signature);
    }

    fn standings(&self) -> Vec<MemberStanding> {
        Vec::new()
    }
}
