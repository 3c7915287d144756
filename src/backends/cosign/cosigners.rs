//! A share at work: its links, what it answers, and what it asks, for all chains that sign with it.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::consensus::ChainId;
use crate::cosigner::{CosignerSample, CosignersSample};
use crate::shares::KeyShare;

use super::ask::Serve;
use super::coordinate::Coordinator;
use super::frost::{FrostError, Party};
use super::peers::{PeerLinks, PeerSample, PeersSettings};
use super::serving::Serving;
use super::signer::CosignSigner;

/// Why a share cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub enum CosignersError {
    /// The share is refused.
    #[error("{0}")]
    Share(#[from] FrostError),
    /// There are no threads or random numbers, or the settings are of another share.
    #[error("{0}")]
    Links(#[from] io::Error),
}

/// A share at work. With the last owner its links end.
pub struct Cosigners {
    party: Arc<Party>,
    serving: Arc<Serving>,
    coordinator: Arc<Coordinator>,
    links: Arc<PeerLinks>,
}

impl Cosigners {
    /// Listens to the members with higher ids and dials those with lower ones, once a chain has been armed with it. The share has the
    /// public shares of all members.
    ///
    /// # Errors
    /// [`CosignersError`].
    pub fn ready(share: &KeyShare, settings: PeersSettings) -> Result<Arc<Self>, CosignersError> {
        let party = Arc::new(Party::new(share)?);
        let mut pool = [0; 8];
        getrandom::getrandom(&mut pool).map_err(io::Error::from)?;
        let serving = Arc::new(Serving::new(party.clone(), u64::from_le_bytes(pool)));
        let serve: Arc<dyn Serve> = serving.clone();
        let links = Arc::new(PeerLinks::ready(settings, &serve)?);
        let coordinator = Arc::new(Coordinator::new(party.clone(), links.clone()));
        Ok(Arc::new(Self {
            party,
            serving,
            coordinator,
            links,
        }))
    }

    /// The key of one more chain.
    pub fn signer(self: &Arc<Self>) -> CosignSigner {
        let (party, serving) = (self.party.clone(), self.serving.clone());
        let cosigners = self.clone();
        let see = move |sample: &mut CosignersSample, chain: Option<&ChainId>| {
            cosigners.see(sample, chain);
        };
        let links = self.links.clone();
        CosignSigner::new(party, serving, self.coordinator.clone())
            .with_links(see, move || links.begin())
    }

    fn see(&self, sample: &mut CosignersSample, chain: Option<&ChainId>) {
        let door = self.links.door();
        sample.listens = door.bound.map(|address| address.to_string());
        sample.deaf = door.why_not;
        sample.turned_away = door.strangers.saturating_add(door.crowded);
        let now = Instant::now();
        let peers = self.links.samples().into_iter();
        sample.others = peers.map(|peer| self.seen(peer, chain, now)).collect();
    }

    fn seen(&self, peer: PeerSample, chain: Option<&ChainId>, now: Instant) -> CosignerSample {
        let counted = self.coordinator.tally().member(peer.id);
        let asked = peer.asked;
        let stands = chain.and_then(|chain| peer.stands.get(chain));
        let refuses = chain.and_then(|chain| peer.refuses(chain));
        CosignerSample {
            id: peer.id,
            address: peer.address,
            up: peer.up,
            trouble: peer.why_down,
            refuses,
            since: now.saturating_duration_since(peer.since),
            round_trip: peer.round_trip,
            nonces: peer.nonces_held.try_into().unwrap_or(u64::MAX),
            runs_twice: peer.runs_twice,
            rolled_back: peer.rolled_back,
            height: stands.map(|hrs| hrs.height.get()),
            asked: asked.questions,
            shares: asked.shares + asked.signed,
            locked: asked.locked,
            refused: asked.refused + asked.no_nonce + asked.busy,
            lost: asked.lost,
            late: counted.late,
            bad: counted.bad,
            bad_ago: counted.bad_ago,
            given: peer.served.shares,
        }
    }
}
