//! All links of one member to the others: what the coordinator asks through.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, sync_channel};

use parking_lot::Mutex;

use crate::backends::cosign::ask::{Answered, AskedShare, MadeSignature, Peers, Serve, ShownNonce};
use crate::backends::cosign::nonces::NonceId;
use crate::consensus::Position;
use crate::threads::{LARGE_STACK, STACK, Shutdown, spawn};

use super::door::Door;
use super::pair::{Job, MemberSlot, OpenQuestion, Talker, work};
use super::sample::{DoorSample, PeerSample};
use super::settings::PeersSettings;
use super::shared::{LinksBegun, Shared};
use super::ways::{keep_dialled, keep_known, keep_open};
use super::wire::{PeerHello, PeerMessage};

/// So many questions of one member wait for an answer; more are answered at once that there are too many.
const JOBS: usize = 8;

/// The links of this member to the others of its key. They are kept up by threads of their own until this is dropped.
pub struct PeerLinks(Arc<Shared>);

impl PeerLinks {
    /// [`PeerLinks::ready`] and [`PeerLinks::begin`].
    ///
    /// # Errors
    /// As the former.
    pub fn start(settings: PeersSettings, serve: &Arc<dyn Serve>) -> io::Result<Self> {
        let links = Self::ready(settings, serve)?;
        links.begin();
        Ok(links)
    }

    /// Has everything that is needed to listen and to dial. `serve` answers what others ask, on one thread for each of them; it must
    /// not keep these links alive.
    ///
    /// # Errors
    /// The settings are of another key type than Ed25519, or lack this member with its own identity; no randomness; or no room for threads,
    /// of which none is left then.
    pub fn ready(settings: PeersSettings, serve: &Arc<dyn Serve>) -> io::Result<Self> {
        let key = settings.public_key.address().to_string();
        let hello = hello(&settings)?;
        let mut jobs = Vec::new();
        let mut slots = BTreeMap::new();
        for place in settings.members {
            if place.id == settings.own {
                continue;
            }
            let (give, take) = sync_channel(JOBS);
            let is_dialled = place.id < settings.own;
            let slot = Arc::new(MemberSlot::new(place, is_dialled, key.clone(), give));
            jobs.push((slot.clone(), take));
            slots.insert(slot.place.id, slot);
        }
        let shared = Arc::new(Shared {
            talker: Talker {
                hello,
                serve: serve.clone(),
                public_key: settings.public_key,
                quorum: settings.quorum,
                times: settings.times,
            },
            identity: settings.identity,
            slots,
            door: Arc::new(Door::new(settings.listen, key)?),
            shaking: Mutex::default(),
            begun: LinksBegun::default(),
            stop: Shutdown::default(),
        });
        // Dropped where a thread cannot be started: it ends the others.
        let links = Self(shared);
        links.start_threads(jobs)?;
        Ok(links)
    }

    fn start_threads(&self, jobs: Vec<(Arc<MemberSlot>, Receiver<Job>)>) -> io::Result<()> {
        for (slot, jobs) in jobs {
            let (shared, served) = (self.0.clone(), slot.clone());
            let name = format!("cosign-serve-{}", slot.place.id);
            // As much as a request of a node has, and the arithmetic of shares on top.
            spawn(&name, LARGE_STACK, move || {
                let every = shared.talker.times.show;
                work(&served, &*shared.talker.serve, every, &shared.stop, &jobs);
            })?;
            if slot.is_dialled {
                let shared = self.0.clone();
                let name = format!("cosign-dial-{}", slot.place.id);
                spawn(&name, LARGE_STACK, move || {
                    if shared.has_begun() {
                        keep_dialled(&shared, &slot);
                    }
                })?;
            }
        }
        // The member with the highest id is dialled by nobody.
        if self.0.slots.values().any(|slot| !slot.is_dialled) {
            let shared = self.0.clone();
            let own = shared.talker.hello.id;
            spawn(&format!("cosign-names-{own}"), STACK, move || {
                if shared.has_begun() {
                    keep_known(&shared);
                }
            })?;
            let shared = self.0.clone();
            spawn(&format!("cosign-door-{own}"), STACK, move || {
                if shared.has_begun() {
                    keep_open(&shared);
                }
            })?;
        }
        Ok(())
    }

    /// Begins to listen and to dial, or, where that was begun, tells those that are linked where this member stands now.
    pub fn begin(&self) {
        self.0.begun.set();
        for slot in self.0.slots.values() {
            // Where it has much to do it says so within seconds.
            let _ = slot.jobs.try_send(Job::Say);
        }
    }

    /// What can be seen of each other member, by id.
    pub fn samples(&self) -> Vec<PeerSample> {
        self.0.slots.values().map(|slot| slot.sample()).collect()
    }

    /// What can be seen of the listener.
    pub fn door(&self) -> DoorSample {
        self.0.door.sample()
    }

    /// The random number of this process, as the others see it.
    pub fn boot(&self) -> u64 {
        self.0.talker.hello.boot
    }
}

fn hello(settings: &PeersSettings) -> io::Result<PeerHello> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what);
    let own = settings.members.iter().find(|it| it.id == settings.own);
    let own = own.ok_or_else(|| wrong("the members lack this one"))?;
    if own.peer_id != settings.identity.peer_id() {
        return Err(wrong(
            "the members say another peer id of this one than that of its identity",
        ));
    }
    let public_key = settings.public_key.as_bytes();
    let public_key = public_key.try_into();
    let public_key = public_key.map_err(|_| wrong("the key is not of Ed25519"))?;
    let mut boot = [0; 8];
    getrandom::getrandom(&mut boot).map_err(io::Error::from)?;
    Ok(PeerHello {
        version: PeerHello::VERSION,
        id: settings.own,
        boot: u64::from_le_bytes(boot),
        public_key,
        threshold: settings.quorum.threshold(),
        members: settings.quorum.members(),
        public_share: own.public_share,
    })
}

impl Peers for PeerLinks {
    fn reachable(&self) -> Vec<u16> {
        let slots = self.0.slots.iter();
        let is_reachable = |slot: &MemberSlot| slot.up().is_some_and(|link| link.held() > 0);
        slots
            .filter(|(_, slot)| is_reachable(slot))
            .map(|(id, _)| *id)
            .collect()
    }

    fn take_shown(&self, member: u16) -> Option<ShownNonce> {
        self.0.slots.get(&member)?.up()?.take_shown()
    }

    fn give_back(&self, member: u16, nonce: NonceId) {
        if let Some(link) = self.0.slots.get(&member).and_then(|slot| slot.up()) {
            link.give_back(nonce);
        }
    }

    fn ask(&self, member: u16, attempt: u32, asked: AskedShare, to: &Sender<Answered>) {
        let slot = self.0.slots.get(&member);
        let counts = slot.map(|slot| slot.asked.clone()).unwrap_or_default();
        // Dropped where there is no link, it says that it is lost.
        let at = Position::read(&asked.bytes).ok();
        let at = at.map(|position| (position.chain_id, position.hrs));
        let question = OpenQuestion::new(member, attempt, &counts, at, to);
        if let Some(link) = slot.and_then(|slot| slot.up()) {
            link.ask(question, asked);
        }
    }

    fn tell(&self, made: &MadeSignature) {
        // What does not fit into a frame is not told.
        let Ok(frame) = PeerMessage::Made(made.clone()).encode() else {
            return;
        };
        for slot in self.0.slots.values() {
            if let Some(link) = slot.up() {
                link.tell(&frame);
            }
        }
    }
}

impl Drop for PeerLinks {
    fn drop(&mut self) {
        self.0.end();
    }
}
