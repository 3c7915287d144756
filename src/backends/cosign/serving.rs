//! What this member answers the others, whichever chain they ask about.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use crate::consensus::{ChainId, Hrs, Position};
use crate::cosigner::{GateStands, JointSignature, MemberGate};
use crate::gate::refusal::{Reason, Refusal};
use crate::os::clock::{Clock, SystemClock};
use crate::text::excerpt::brief;

use super::ask::{AskedShare, MadeSignature, MemberStanding, Serve, ServedAnswer, ShownNonce};
use super::frost::{FrostError, Joint, OneNonce, Party};
use super::member::{ShareAnswer, ShareRequest, answer};
use super::nonces::{Nonces, ShownTo};

/// A refusal is told in at most so many bytes: its reason and the remedy, which the operator of the member that asks may have to see.
const TOLD: usize = 400;

/// The chains of one share, and the nonces that the others were shown.
pub struct Serving {
    party: Arc<Party>,
    nonces: Mutex<Nonces<OneNonce>>,
    chains: RwLock<BTreeMap<ChainId, Weak<dyn MemberGate>>>,
    /// What was heard of chains that could not take it in yet: links are up before a chain is armed. One for each, the highest; of
    /// these chains nobody is given a share before they have.
    unlearned: Mutex<BTreeMap<ChainId, (Hrs, MadeSignature)>>,
    /// Where chains stood when they were armed first in this life of the process.
    began: Mutex<BTreeMap<ChainId, Hrs>>,
    clock: Arc<dyn Clock>,
}

impl Serving {
    /// Of the member with this share, in a process with this random number.
    pub fn new(party: Arc<Party>, boot: u64) -> Self {
        Self {
            party,
            nonces: Mutex::new(Nonces::new(boot)),
            chains: RwLock::default(),
            unlearned: Mutex::default(),
            began: Mutex::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The same, whose nonces grow old by another clock.
    pub fn by_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Answers for this chain from now on, as long as it lives. One of the same id that was there before is forgotten.
    /// Its watermark stands `at` there then, before anything was learned or signed.
    pub fn join(&self, chain_id: &ChainId, member: Weak<dyn MemberGate>, at: Option<Hrs>) {
        if let Some(at) = at {
            let mut began = self.began.lock();
            began.entry(chain_id.clone()).or_insert(at);
        }
        self.chains.write().insert(chain_id.clone(), member);
    }

    /// So many nonces wait, of all members.
    pub fn nonces_waiting(&self) -> usize {
        self.nonces.lock().waiting()
    }

    /// Keeps a signature of the key for later. Others would take the place of those that are.
    fn keep(&self, told: MadeSignature) {
        let Ok(position) = Position::read(&told.bytes) else {
            return;
        };
        let is_ours = position.chain_id == told.chain_id
            && self.party.public_key().verify(&told.bytes, &told.signature);
        let mut unlearned = self.unlearned.lock();
        let before = unlearned.get(&told.chain_id).map(|(hrs, _)| *hrs);
        if is_ours && before.is_none_or(|before| before < position.hrs) {
            unlearned.insert(told.chain_id.clone(), (position.hrs, told));
        }
    }

    /// Has the chain take in what was kept for it. Before that it gives no share, and asks for none.
    ///
    /// # Errors
    /// Why it still cannot.
    pub fn catch_up(&self, chain_id: &ChainId, chain: &dyn MemberGate) -> Result<(), Refusal> {
        let kept = self.unlearned.lock().get(chain_id).cloned();
        let Some((hrs, told)) = kept else {
            return Ok(());
        };
        chain.learn(told.bytes, &told.signature)?;
        let mut unlearned = self.unlearned.lock();
        if unlearned
            .get(chain_id)
            .is_some_and(|(kept, _)| *kept == hrs)
        {
            unlearned.remove(chain_id);
        }
        Ok(())
    }

    /// What is asked for together with the others.
    fn joint<'a>(&self, from: ShownTo, asked: &'a AskedShare) -> Result<&'a Joint, FrostError> {
        asked.joint.get(|| {
            let mut all = asked.commitments.clone();
            // Its own are known, and need not be looked at.
            let nonces = self.nonces.lock();
            let own = nonces.peek(from, asked.nonce, OneNonce::commitments);
            drop(nonces);
            if let (Some(shown), Some(own)) = (all.get_mut(&self.party.id()), own)
                && *shown == own
            {
                *shown = own;
            }
            self.party.joint(&asked.bytes, &all)
        })
    }

    fn chain(&self, chain_id: &ChainId) -> Option<Arc<dyn MemberGate>> {
        self.chains.read().get(chain_id)?.upgrade()
    }
}

fn refused(refusal: &Refusal) -> ServedAnswer {
    let told = || brief(&refusal.to_string(), TOLD).into_owned();
    match refusal.reason {
        // The section of the chain's gate is taken: it may be asked again in a moment.
        Reason::Busy => ServedAnswer::Busy,
        // These pass by themselves, often within the time of one vote: a member that was just started, a disk that works again.
        Reason::NotArmed(_) | Reason::NotDurable(_) => ServedAnswer::NotYet(told()),
        _ => ServedAnswer::Refused(told()),
    }
}

impl Serve for Serving {
    fn serve(&self, from: ShownTo, asked: &AskedShare) -> ServedAnswer {
        let chain_id = &asked.chain_id;
        let Some(chain) = self.chain(chain_id) else {
            // Links are up with the first chain of the share that is armed; others follow.
            return ServedAnswer::NotYet(format!("it does not sign for the chain {chain_id}"));
        };
        if let Err(refusal) = self.catch_up(chain_id, &*chain) {
            return refused(&refusal);
        }
        let (nonce, bytes) = (asked.nonce, asked.bytes.clone());
        let request = ShareRequest { from, nonce, bytes };
        let now = self.clock.now();
        let made = answer(&*chain, &self.nonces, request, &now, |nonce, permit| {
            nonce.share_of(&self.party, permit, self.joint(from, asked)?)
        });
        match made {
            ShareAnswer::Share(Ok(share)) => ServedAnswer::Share(share),
            // Whoever asked showed the wrong members or another nonce than the one it named.
            ShareAnswer::Share(Err(error)) => ServedAnswer::Refused(error.to_string()),
            ShareAnswer::NoNonce => ServedAnswer::NoNonce,
            ShareAnswer::Locked(bytes) => ServedAnswer::Locked(bytes.as_slice().to_vec()),
            ShareAnswer::Signed {
                signature,
                timestamp,
            } => ServedAnswer::Signed {
                signature,
                timestamp,
            },
            ShareAnswer::Refused(refusal) => refused(&refusal),
        }
    }

    fn prepare(&self, from: ShownTo, asked: &AskedShare) -> Result<(), FrostError> {
        self.joint(from, asked).map(drop)
    }

    fn show(&self, to: ShownTo) -> Option<ShownNonce> {
        let (nonce, commitments) = self.party.commit();
        let nonce = self.nonces.lock().keep(to, nonce, &self.clock.now());
        Some(ShownNonce { nonce, commitments })
    }

    fn learn(&self, told: MadeSignature) {
        let learned = self
            .chain(&told.chain_id)
            .map(|chain| chain.learn(told.bytes.clone(), &told.signature));
        match learned {
            Some(Ok(())) => {}
            Some(Err(_)) | None => self.keep(told),
        }
    }

    fn standings(&self) -> Vec<MemberStanding> {
        // Not held while gates are entered.
        let chains: Vec<_> = self
            .chains
            .read()
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        let standing = |chain: Arc<dyn MemberGate>| {
            let GateStands {
                at,
                signed,
                refuses,
            } = chain.stands();
            let chain_id = chain.chain_id().clone();
            let made = signed.map(|JointSignature { bytes, signature }| MadeSignature {
                chain_id: chain_id.clone(),
                bytes: bytes.as_slice().to_vec(),
                signature,
            });
            let began = self.began.lock().get(&chain_id).copied();
            MemberStanding {
                chain_id,
                began,
                at,
                made,
                refuses: refuses.map(|why| brief(&why, TOLD).into_owned()),
            }
        };
        chains.into_iter().map(standing).collect()
    }
}
