//! A chain with all of its keys: what nodes ask of it goes to the key of the height that it is for (W23).

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::consensus::{ChainId, Height, Hrs, PublicKey};
use crate::events::RequestKind;
use crate::gate::heights::toll::raise_below;
use crate::gate::pause::{ActivePause, Pause, PauseEnded, PauseFile};
use crate::gate::raw::RawRefused;
use crate::gate::refusal::{Reason, Refusal};
use crate::gate::word::floor::FloorHeight;
use crate::gate::word::hold::Wait;
use crate::os::clock::{Clock, Moment};
use crate::reply::Reply;
use crate::request::{Request, SignRequest};

use crate::chain::answer::{Answer, Asker, Respond, refused, refused_event, remote, told};
use crate::chain::pause::{ChainPaused, Drained};
use crate::chain::seen::ChainSeen;
use crate::chain::state::Chain;

use super::lasting::Lasting;
use super::schedule::KeySchedule;

/// How long requests that went by another schedule are waited for: one has its answer, whatever it is, before.
const PATIENCE: Duration = Duration::from_secs(4);
/// Between two looks at them.
const LOOK: Duration = Duration::from_millis(5);

/// A chain with its keys, each with its own gate, state and locks. One of them signs at each height.
pub struct ChainKeys {
    id: ChainId,
    /// Replaced as a whole by a reload. Whoever routes a request holds what it went by until that has its answer.
    schedule: ArcSwap<KeySchedule<Arc<Chain>>>,
    /// Held while it is replaced, until nothing is in hand that went by the one before.
    replacing: Mutex<()>,
}

impl Respond for ChainKeys {
    fn answer(
        &self,
        request: Request,
        arrival: &Moment,
        asker: &Asker<'_>,
        clock: &dyn Clock,
    ) -> Answer {
        let keys = self.schedule.load();
        let key = match &request {
            Request::Sign(request) => {
                if let Some(refusal) = too_far(&keys, request, arrival) {
                    let kind = RequestKind::of(request.hrs().step);
                    return refused(request.asked(), kind, &refusal);
                }
                keys.at(request.hrs().height)
            }
            Request::SignRaw(_) => match keys.single() {
                Some(only) => only,
                None => return raw_of_several(),
            },
            // Neither is about a height; a public key is that of the next one.
            Request::PublicKey { .. } | Request::Ping | Request::Invalid(_) => active(&keys),
        };
        key.answer(request, arrival, asker, clock)
    }
}

/// The state of a key that waits was begun by the operator, who may know of an absence, so its gate lets the first advance be of
/// any length (W11). But then the chain has a key that signs, whose tokens say how far it may have come: one request of a node
/// that is wrong must not use up the heights of the new key.
fn too_far(keys: &KeySchedule<Arc<Chain>>, request: &SignRequest, now: &Moment) -> Option<Refusal> {
    if keys.single().is_some() {
        return None;
    }
    let height = request.hrs().height;
    let last_of = |key: &Arc<Chain>| key.last().map(|last| last.height);
    let (before, used) = keys.before_the_first(height, last_of)?;
    let next = keys.at(height);
    // What is wrong besides is said by the key.
    let commands = next.commands().filter(|_| request.chain_id == *next.id())?;
    let behind = next.lasting().floor.now().map(|floor| floor.height);
    let ahead = height.above(behind.map_or(used, |behind| behind.max(used)));
    let shown = before.seen().gate?;
    let allowed = shown.rate.level(shown.tokens, shown.counted, now.boot);
    if ahead <= allowed {
        return None;
    }
    // In the state of the key that signs below this height.
    let commands = match Height::new(height.get().saturating_sub(1)) {
        Some(below) if Arc::ptr_eq(keys.at(below), next) => commands,
        _ => before.commands()?,
    };
    Some(Refusal {
        asked: Some(request.hrs()),
        block: request.block().copied(),
        last: before.last(),
        reason: Reason::TooFarAhead {
            ahead,
            allowed,
            remedy: raise_below(height, before.last(), next.id(), &commands),
        },
    })
}

/// Raw bytes have no height, so no key is that of theirs.
fn raw_of_several() -> Answer {
    let refusal = Refusal::of(Reason::RawBytes(RawRefused::SeveralKeys));
    let event = refused_event(RequestKind::Raw, &refusal);
    told(Reply::RawRefused(remote(&refusal)), event)
}

fn active(keys: &KeySchedule<Arc<Chain>>) -> &Arc<Chain> {
    match keys.single() {
        Some(only) => only,
        None => {
            // They have one floor.
            let floor = keys
                .all()
                .find_map(|(_, key)| key.lasting().floor.now())
                .map(|floor| floor.height);
            keys.active(floor, |key| key.last().map(|last| last.height))
        }
    }
}

impl ChainKeys {
    /// A chain with these keys, which are all of the chain `id`.
    pub fn new(id: ChainId, keys: KeySchedule<Arc<Chain>>) -> Self {
        let schedule = ArcSwap::from_pointee(keys);
        Self {
            id,
            schedule,
            replacing: Mutex::default(),
        }
    }

    /// A chain whose key does not change.
    pub fn of(chain: Arc<Chain>) -> Self {
        Self::new(chain.id().clone(), KeySchedule::only(chain))
    }

    /// Other keys or other heights from now on. `true` when no request is in hand any more that went by those before.
    pub fn replace(&self, keys: KeySchedule<Arc<Chain>>) -> bool {
        let _turn = self.replacing.lock();
        let before = self.schedule.swap(Arc::new(keys));
        let began = Instant::now();
        // Each request holds a count of its own.
        while Arc::strong_count(&before) > 1 {
            if began.elapsed() >= PATIENCE {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    /// The chain id.
    pub fn id(&self) -> &ChainId {
        &self.id
    }

    /// The key of the next height, by the watermarks: that of which nodes are told.
    pub fn active(&self) -> Arc<Chain> {
        active(&self.schedule.load()).clone()
    }

    /// The next height, by what its keys have used and by what it has left behind; 1 where nothing is known.
    pub fn next(&self) -> Height {
        let used = self.last().map(|last| last.height);
        let floor = self
            .active()
            .lasting()
            .floor
            .now()
            .map(|floor| floor.height);
        let used = used.max(floor);
        used.map_or(Height::FIRST, |used| {
            Height::new(used.get().saturating_add(1)).unwrap_or(used)
        })
    }

    /// All keys, each with the height from which on it signs.
    pub fn all(&self) -> Vec<(Option<Height>, Arc<Chain>)> {
        let keys = self.schedule.load();
        keys.all().map(|(from, key)| (from, key.clone())).collect()
    }

    /// What all of its keys share.
    fn lasting(&self) -> Lasting {
        self.active().lasting().clone()
    }

    fn each(&self) -> impl Iterator<Item = Arc<Chain>> {
        self.all().into_iter().map(|(_, key)| key)
    }

    /// The public key of the next height, where it is known.
    pub fn public_key(&self) -> Option<PublicKey> {
        self.active().public_key()
    }

    /// The public key that signs at a height, where it is known.
    pub fn public_key_at(&self, height: Height) -> Option<PublicKey> {
        self.schedule.load().at(height).public_key()
    }

    /// Why the key of the next height does not sign, if so.
    pub fn why_unarmed(&self) -> Option<String> {
        self.active().why_unarmed()
    }

    /// How the key of the next height is now. Enters no gate and waits for no device.
    pub fn seen(&self) -> ChainSeen {
        self.active().seen()
    }

    /// Whether another process signs at the next height.
    pub fn is_elsewhere(&self) -> bool {
        self.active().is_elsewhere()
    }

    /// Whether no other process signs at the next height, as far as was seen.
    pub fn is_free(&self) -> bool {
        self.active().is_free()
    }

    /// The key that is being opened, where that has to be waited for: which key is that of the next height is known when the
    /// states are.
    fn opening(&self) -> Option<Arc<Chain>> {
        self.each().find(|key| key.is_opening())
    }

    /// Whether the first try to open what signs at the next height is under way, as far as is known by now.
    pub fn is_opening(&self) -> bool {
        self.active().why_unarmed().is_some() && self.opening().is_some()
    }

    /// Whether the first try to open one of its keys goes on after a wait of at most `time`.
    pub fn is_opening_after(&self, time: Duration) -> bool {
        let opening = self.opening();
        opening.is_some_and(|key| key.is_opening_after(time) || self.opening().is_some())
    }

    /// The watermark of the chain: the highest of those that its keys showed last, without waiting for a gate.
    pub fn last(&self) -> Option<Hrs> {
        let keys = self.schedule.load();
        keys.last(|key| key.last(), |last| last.height)
    }

    /// Where the watermark of the chain was when its keys were armed.
    pub fn begun(&self) -> Option<Hrs> {
        let keys = self.schedule.load();
        let begun = |key: &Arc<Chain>| key.seen().gate?.begun;
        keys.last(begun, |begun| begun.height)
    }

    /// The first position that was signed since, with whichever key.
    pub fn first(&self) -> Option<Hrs> {
        let keys = self.schedule.load();
        let first = keys.all().filter_map(|(_, key)| key.seen().gate?.first);
        first.min()
    }

    /// Pauses the chain with all of its keys, which have one switch, and waits for what is in hand; `None` where another change
    /// does not come to its end.
    pub fn pause(&self, pause: Pause, file: &PauseFile) -> Option<ChainPaused> {
        let mut keys = self.each();
        let mut done = keys.next()?.pause(pause, file)?;
        for key in keys {
            if key.drained() == Drained::No {
                done.drained = Drained::No;
            }
        }
        // What is in hand at a key that a reload has just taken out is signed, or not, before that has come to its end.
        if self.replacing.try_lock_for(PATIENCE).is_none() {
            done.drained = Drained::No;
        }
        done.last = self.last();
        Some(done)
    }

    /// Ends a pause and gives what it was, and whether there was a file; `None` where another change does not come to its end.
    ///
    /// # Errors
    /// It cannot be ended for good, and goes on.
    pub fn resume(&self, file: &PauseFile) -> Option<io::Result<PauseEnded>> {
        self.each().next()?.resume(file)
    }

    /// Up to here nothing is signed, with whichever key: they have one floor.
    pub fn raise_floor(&self, to: FloorHeight) {
        self.lasting().floor.raise(to);
    }

    /// What is waited for before anything is signed, with whichever key.
    pub fn wait_for(&self, wait: Option<Wait>) {
        self.lasting().hold.set(wait);
    }

    /// The pause that was asked for, and whether nothing is signed by now.
    pub fn paused(&self) -> Option<(Arc<ActivePause>, bool)> {
        let active = self.lasting().pause.now()?;
        let in_effect = active.is_in_effect(self.last().map(|last| last.height));
        Some((active, in_effect))
    }
}
