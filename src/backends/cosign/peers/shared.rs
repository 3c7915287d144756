//! What all threads of the links share.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::link::{Closer, IdentityKey, PeerId};
use crate::threads::Shutdown;

use super::door::Door;
use super::pair::{LinkEnd, MemberSlot, Talker};

/// What all threads of the links share.
pub(super) struct Shared {
    /// What is said first.
    pub talker: Talker,
    /// Who this member is.
    pub identity: Arc<IdentityKey>,
    /// The other members.
    pub slots: BTreeMap<u16, Arc<MemberSlot>>,
    /// The listener.
    pub door: Arc<Door>,
    /// Ends handshakes with members that are dialled.
    pub shaking: Mutex<BTreeMap<u16, Closer>>,
    /// Nobody is dialled or listened to before.
    pub begun: LinksBegun,
    /// Tells all threads to end.
    pub stop: Shutdown,
}

/// Set once, for good.
#[derive(Default)]
pub(super) struct LinksBegun {
    is_set: Mutex<bool>,
    condvar: Condvar,
}

impl LinksBegun {
    pub(super) fn set(&self) {
        *self.is_set.lock() = true;
        self.condvar.notify_all();
    }

    fn wait(&self) {
        let mut is_set = self.is_set.lock();
        self.condvar.wait_while(&mut is_set, |is_set| !*is_set);
    }
}

impl Shared {
    /// Waits until links may be made; `false` where they end instead.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.wait();
        !self.stop.is_set()
    }

    /// The member of this identity.
    pub(super) fn by_identity(&self, peer: &PeerId) -> Option<&Arc<MemberSlot>> {
        self.slots.values().find(|slot| slot.place.peer_id == *peer)
    }

    /// Keeps what ends a handshake that begins.
    pub(super) fn hold(&self, member: u16, closer: Closer) {
        let mut shaking = self.shaking.lock();
        // Whoever ends all of them does so after that is set.
        if self.stop.is_set() {
            closer.close();
        }
        shaking.insert(member, closer);
    }

    /// Ends all links, all handshakes and all threads. None is waited for: one may hang in a disk.
    pub(super) fn end(&self) {
        self.stop.trigger();
        self.begun.set();
        self.door.end();
        self.shaking.lock().values().for_each(Closer::close);
        for slot in self.slots.values() {
            if let Some(link) = slot.up() {
                link.end(LinkEnd::Stopped);
            }
            slot.stop();
        }
    }
}
