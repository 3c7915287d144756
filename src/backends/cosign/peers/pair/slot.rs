//! One member's place: its link, or why there is none.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tracing::{info, warn};

use crate::backends::cosign::ask::{MadeSignature, MemberStanding};
use crate::backends::cosign::peers::sample::{AnswerCounts, PeerSample};
use crate::backends::cosign::peers::settings::{PeerPlace, PeerTimes};
use crate::backends::cosign::peers::wire::MOST_CHAINS;
use crate::consensus::{ChainId, Hrs};

use super::end::LinkEnd;
use super::job::Job;
use super::pair_link::PairLink;
use super::suspicion::Suspicion;

/// A link that lived less long than this is not told of at once when it comes again.
const LIVED: Duration = Duration::from_secs(1);
/// How often the same trouble is logged again.
const REPEAT: Duration = Duration::from_secs(60);
/// So long after its second process was turned away a member counts as running twice. That one comes again every second or two.
const TWICE: Duration = Duration::from_secs(30);
/// So many signatures that a member told of wait.
const TOLD: usize = 4;

/// One other member.
pub(in crate::backends::cosign::peers) struct MemberSlot {
    /// Where it is.
    pub place: PeerPlace,
    /// Whether this member dials it.
    pub is_dialled: bool,
    /// Of which key, for the log.
    key: String,
    /// What it asks, for the thread that serves it.
    pub jobs: SyncSender<Job>,
    /// What it was asked.
    pub asked: Arc<Mutex<AnswerCounts>>,
    /// What it asked.
    pub served: Mutex<AnswerCounts>,
    /// What it told of, and over which link; the latest few.
    told: Mutex<VecDeque<(Arc<PairLink>, MadeSignature)>>,
    state: Mutex<MemberState>,
}

struct MemberState {
    up: Option<Arc<PairLink>>,
    why_down: Option<String>,
    since: Instant,
    /// A new link waits for the old one to show whether it lives.
    examining: bool,
    suspicion: Suspicion,
    twice: Option<Instant>,
    /// What was logged last of a trouble, and when.
    told: Option<(&'static str, Instant)>,
    told_twice: Option<Instant>,
    /// The last link ended as soon as it was made.
    flapping: bool,
    /// The log says that it is up.
    told_up: bool,
    /// What it said last over this link: its chains, and why it gives no share of one at all, if so. `None` before that.
    says: Option<BTreeMap<ChainId, Option<String>>>,
    /// Where it stood, in which life of its process.
    stood: BTreeMap<ChainId, (u64, Hrs)>,
    /// It came back with an older state.
    rolled_back: bool,
}

impl MemberState {
    /// A thread that met a bug left its link where it was.
    fn up(&self) -> Option<Arc<PairLink>> {
        self.up.clone().filter(|link| !link.has_ended())
    }
}

impl MemberSlot {
    pub(in crate::backends::cosign::peers) fn new(
        place: PeerPlace,
        is_dialled: bool,
        key: String,
        jobs: SyncSender<Job>,
    ) -> Self {
        Self {
            place,
            is_dialled,
            key,
            jobs,
            asked: Arc::default(),
            served: Mutex::default(),
            told: Mutex::default(),
            state: Mutex::new(MemberState {
                up: None,
                why_down: None,
                since: Instant::now(),
                examining: false,
                suspicion: Suspicion::default(),
                twice: None,
                told: None,
                told_twice: None,
                flapping: false,
                told_up: false,
                says: None,
                stood: BTreeMap::new(),
                rolled_back: false,
            }),
        }
    }

    /// Its link, if that is up.
    pub(in crate::backends::cosign::peers) fn up(&self) -> Option<Arc<PairLink>> {
        self.state.lock().up()
    }

    /// Which chains the member has, and of which it gives no share: these alone.
    pub(super) fn says(&self, stands: &[MemberStanding]) {
        let chains = stands.iter();
        let chains = chains.map(|it| (it.chain_id.clone(), it.refuses.clone()));
        self.state.lock().says = Some(chains.collect());
    }

    /// Where the member says that it stands. One that stood higher in an earlier life of its process has an older state by now.
    pub(super) fn stands(&self, link: &PairLink, standing: &MemberStanding) {
        let (id, boot) = (self.place.id, link.to.boot);
        let mut state = self.state.lock();
        let Some(at) = standing.at else {
            return;
        };
        let before = state.stood.insert(standing.chain_id.clone(), (boot, at));
        // Those of chains that are gone are few: a member has so many at most.
        while state.stood.len() > MOST_CHAINS {
            state.stood.pop_first();
        }
        // What it learned or signed since then, in this life, counts for nothing.
        let began = standing.began.unwrap_or(at);
        let is_older = |(life, before): &(u64, Hrs)| *life != boot && *before > began;
        let Some((_, before)) = before.filter(is_older) else {
            return;
        };
        state.rolled_back = true;
        drop(state);
        let chain = &standing.chain_id;
        warn!(
            event = "cosigner_rolled_back",
            chain = %chain,
            member = id,
            "[{chain}] member {id} came back with an older state: it stood at {before}, and began at {began} now. It is told the last signature \
             that this member knows and signs nothing below that; look at what was restored on its host"
        );
    }

    /// It gave a share, so it stands there at least.
    pub(super) fn gave(&self, link: &PairLink, chain: ChainId, at: Hrs) {
        let mut state = self.state.lock();
        // It does again, and says so in a moment.
        if let Some(says) = &mut state.says {
            says.insert(chain.clone(), None);
        }
        if let Some((life, stood)) = state.stood.get_mut(&chain)
            && *life == link.to.boot
        {
            *stood = at.max(*stood);
        }
    }

    /// Keeps what the member tells of for the thread that serves it. Where that is busy, the latest are enough.
    pub(super) fn tell(&self, link: &Arc<PairLink>, made: MadeSignature) {
        let mut told = self.told.lock();
        let is_first = told.is_empty();
        while told.len() >= TOLD {
            told.pop_front();
        }
        told.push_back((link.clone(), made));
        drop(told);
        if is_first {
            // Where it has much to do, it looks for itself.
            let _ = self.jobs.try_send(Job::Learn);
        }
    }

    /// Whether there is something of it to learn.
    pub(super) fn has_told(&self) -> bool {
        !self.told.lock().is_empty()
    }

    /// The next of it.
    pub(super) fn next_told(&self) -> Option<(Arc<PairLink>, MadeSignature)> {
        self.told.lock().pop_front()
    }

    /// Whether a new link of the member may take the place of the one that is there. That one may be dead without anybody having
    /// noticed. If it lives, the member runs twice, also where both say that they are the same process: a process has one link to each
    /// other member, but a virtual machine may have been copied while it ran.
    pub(super) fn examine(
        &self,
        from: Option<SocketAddr>,
        times: &PeerTimes,
    ) -> Result<(), LinkEnd> {
        let old = {
            let mut state = self.state.lock();
            let Some(old) = state.up() else {
                return Ok(());
            };
            if std::mem::replace(&mut state.examining, true) {
                return Err(LinkEnd::Examined(self.place.id));
            }
            old
        };
        let lives = old.is_alive(times.examine);
        self.state.lock().examining = false;
        match lives {
            true => Err(self.came_again(old.peer_address(), from, times.certain)),
            false => Ok(()),
        }
    }

    fn came_again(
        &self,
        old: Option<SocketAddr>,
        new: Option<SocketAddr>,
        certain: Duration,
    ) -> LinkEnd {
        let mut state = self.state.lock();
        let is_certain = state.suspicion.came(Instant::now(), certain);
        drop(state);
        match is_certain {
            true => self.runs_twice(old, new),
            false => LinkEnd::Examined(self.place.id),
        }
    }

    fn runs_twice(&self, old: Option<SocketAddr>, new: Option<SocketAddr>) -> LinkEnd {
        let mut state = self.state.lock();
        state.twice = Some(Instant::now());
        let news = state.told_twice.is_none_or(|at| at.elapsed() >= REPEAT);
        if news {
            state.told_twice = state.twice;
        }
        drop(state);
        let id = self.place.id;
        let twice = LinkEnd::Twice(id);
        if news {
            let host = |from: Option<SocketAddr>| {
                let ip = from.map(|from| from.ip().to_canonical().to_string());
                ip.unwrap_or_else(|| "an address that is not known".to_owned())
            };
            warn!(
                event = "cosigner_twice",
                key = %self.key,
                member = id,
                "[{}] {twice}. Linked is the one at {}, and the one at {} was turned away", self.key, host(old), host(new)
            );
        }
        twice
    }

    /// The link is up, and takes the place of one that is there.
    pub(super) fn put(&self, link: &Arc<PairLink>, round_trip: Option<Duration>) {
        let mut state = self.state.lock();
        let old = state.up.replace(link.clone());
        state.says = None;
        state.since = Instant::now();
        state.why_down = None;
        state.told_up = !state.flapping;
        let news = state.told_up;
        drop(state);
        if let Some(old) = old {
            old.end(LinkEnd::Replaced);
        }
        if news {
            self.tell_up(round_trip);
        }
    }

    /// Tells of a link that was not told of when it was made, because the one before it ended at once, and that lives.
    pub(super) fn settle(&self) {
        let mut state = self.state.lock();
        let Some(link) = state.up().filter(|_| state.since.elapsed() >= LIVED) else {
            return;
        };
        if !std::mem::replace(&mut state.told_up, true) {
            drop(state);
            self.tell_up(link.round_trip());
        }
    }

    fn tell_up(&self, round_trip: Option<Duration>) {
        info!(
            event = "cosigner_up",
            key = %self.key,
            member = self.place.id,
            took_ms = round_trip.map(|time| time.as_secs_f64() * 1e3),
            "[{}] member {} at {} is linked", self.key, self.place.id, self.place
        );
    }

    /// A link ended.
    pub(super) fn down(&self, link: &Arc<PairLink>, why: &LinkEnd) {
        let mut state = self.state.lock();
        if !state.up.as_ref().is_some_and(|up| Arc::ptr_eq(up, link)) {
            // Another one is up in its place.
            return;
        }
        state.up = None;
        let lived = state.since.elapsed() >= LIVED;
        state.since = Instant::now();
        state.flapping = !lived;
        self.tell_down(state, why, lived);
    }

    /// No link was made.
    pub(in crate::backends::cosign::peers) fn failed(&self, why: &LinkEnd) {
        let state = self.state.lock();
        if state.up().is_none() {
            self.tell_down(state, why, false);
        }
    }

    fn tell_down(&self, mut state: MutexGuard<'_, MemberState>, why: &LinkEnd, lived: bool) {
        state.why_down = Some(why.to_string());
        let code = why.code();
        let known = |(last, at): (&str, Instant)| last == code && at.elapsed() < REPEAT;
        let news = lived || !state.told.is_some_and(known);
        if news {
            state.told = Some((code, Instant::now()));
        }
        drop(state);
        if news && !matches!(why, LinkEnd::Stopped) {
            warn!(
                event = "cosigner_down",
                key = %self.key,
                member = self.place.id,
                reason = code,
                "[{}] member {} at {} is not linked: {why}", self.key, self.place.id, self.place
            );
        }
    }

    /// Ends the thread that serves it.
    pub(in crate::backends::cosign::peers) fn stop(&self) {
        // Where it has much to do, it looks for itself between two questions.
        let _ = self.jobs.try_send(Job::Stop);
    }

    /// What can be seen of it.
    pub(in crate::backends::cosign::peers) fn sample(&self) -> PeerSample {
        let (asked, served) = (*self.asked.lock(), *self.served.lock());
        let state = self.state.lock();
        let up = state.up();
        let up = up.as_ref();
        PeerSample {
            id: self.place.id,
            address: self.place.to_string(),
            is_dialled: self.is_dialled,
            up: up.is_some(),
            why_down: state.why_down.clone(),
            since: state.since,
            round_trip: up.and_then(|link| link.round_trip()),
            nonces_held: up.map_or(0, |link| link.held()),
            boot: up.map(|link| link.to.boot),
            rolled_back: state.rolled_back,
            says: state.says.clone().filter(|_| up.is_some()),
            stands: state
                .stood
                .iter()
                .map(|(chain, (_, at))| (chain.clone(), *at))
                .collect(),
            runs_twice: state.twice.is_some_and(|at| at.elapsed() < TWICE),
            asked,
            served,
        }
    }
}
