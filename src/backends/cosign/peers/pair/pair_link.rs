//! A link that is up, as all threads see it: what is to be sent, what waits for an answer, and what was shown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::backends::cosign::ask::{
    AskedShare, MemberStanding, PeerAnswer, ServedAnswer, ShownNonce,
};
use crate::backends::cosign::nonces::{NonceId, ShownTo};
use crate::backends::cosign::peers::wire::PeerMessage;
use crate::consensus::{ChainId, Hrs};
use crate::link::Closer;
use crate::os::clock::{Clock, SystemClock};

use super::end::LinkEnd;
use super::held::HeldNonces;
use super::pings::Pings;
use super::waiting::{OpenQuestion, OpenQuestions};

/// So many messages wait to be sent. A member that takes none of so many is given up.
const OUTBOX: usize = 64;
/// So many of them tell of signatures; the others are not told.
const TELLING: usize = 4;

/// A link to a member in one life of its process.
pub(in crate::backends::cosign::peers) struct PairLink {
    /// Which member, in which life.
    pub to: ShownTo,
    /// What the sending thread sends, in this order; gone when the link ends.
    outbox: Mutex<Option<SyncSender<Outgoing>>>,
    /// So many messages in it tell of signatures.
    telling: Arc<AtomicUsize>,
    closer: Closer,
    /// Gone when the link ends: all that wait are told then, and what was shown is forgotten.
    open: Mutex<Option<OnLink>>,
    /// What the other side said last of where it stands.
    stands: Mutex<Stands>,
    pings: Mutex<Pings>,
    ponged: Condvar,
    /// The first reason to end it.
    why: Mutex<Option<LinkEnd>>,
}

/// What the sending thread is to send.
pub(super) struct ToSend(Receiver<Outgoing>);

impl ToSend {
    /// The next frame.
    pub(super) fn next(&self, wait: Duration) -> Result<Vec<u8>, RecvTimeoutError> {
        self.0.recv_timeout(wait).map(|(frame, _)| frame)
    }
}

type Outgoing = (Vec<u8>, Option<Telling>);

/// One message that tells of a signature and waits to be sent.
struct Telling {
    all: Arc<AtomicUsize>,
    before: usize,
}

impl Telling {
    fn of(all: &Arc<AtomicUsize>) -> Self {
        let before = all.fetch_add(1, Ordering::Relaxed);
        Self {
            all: all.clone(),
            before,
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where both sides stand, as far as they told each other.
#[derive(Default)]
struct Stands {
    /// This side said so.
    said: bool,
    /// The other side said so at least once; what it said last, until it was learned.
    heard: Option<Vec<MemberStanding>>,
    /// The other side was shown nonces.
    shown: bool,
}

#[derive(Default)]
struct OnLink {
    waiting: OpenQuestions,
    held: HeldNonces,
}

impl PairLink {
    /// The link, and what is to be sent over it.
    pub(super) fn new(to: ShownTo, closer: Closer) -> (Arc<Self>, ToSend) {
        let (outbox, to_send) = sync_channel(OUTBOX);
        let link = Self {
            to,
            outbox: Mutex::new(Some(outbox)),
            telling: Arc::default(),
            closer,
            open: Mutex::new(Some(OnLink::default())),
            stands: Mutex::default(),
            pings: Mutex::default(),
            ponged: Condvar::new(),
            why: Mutex::default(),
        };
        (Arc::new(link), ToSend(to_send))
    }

    /// Hands a message to the sending thread. Never waits: a link whose outbox is full ends.
    pub(in crate::backends::cosign::peers) fn send(&self, message: PeerMessage) {
        match message.encode() {
            Ok(frame) => self.send_frame(frame),
            Err(error) => self.end(error.into()),
        }
    }

    /// Hands the frame of a message that tells of a signature to the sending thread, unless some of those wait already.
    pub(in crate::backends::cosign::peers) fn tell(&self, frame: &[u8]) {
        let telling = Telling::of(&self.telling);
        if telling.before < TELLING
            && let Some(outbox) = &*self.outbox.lock()
        {
            // Not worth a link.
            let _ = outbox.try_send((frame.to_vec(), Some(telling)));
        }
    }

    fn send_frame(&self, frame: Vec<u8>) {
        let full = match &*self.outbox.lock() {
            Some(outbox) => outbox.try_send((frame, None)).is_err(),
            None => false,
        };
        if full {
            self.end(LinkEnd::Full);
        }
    }

    /// Asks. Whoever asks is told in any case.
    pub(in crate::backends::cosign::peers) fn ask(
        &self,
        question: OpenQuestion,
        asked: AskedShare,
    ) {
        let number = match &mut *self.open.lock() {
            Some(open) => open.waiting.add(question),
            // It is lost when it is dropped.
            None => return,
        };
        match (PeerMessage::Ask { number, asked }).encode() {
            Ok(frame) => self.send_frame(frame),
            // It does not fit into a frame: nothing of it has left, and the link is as good as before.
            Err(_) => drop(self.answered(number, PeerAnswer::Lost)),
        }
    }

    /// An answer came. Without a question of this number it is none. Gives where the member stands at least, if it gave a share.
    pub(super) fn answered(
        &self,
        number: u64,
        answer: impl Into<PeerAnswer>,
    ) -> Option<(ChainId, Hrs)> {
        let question = self
            .open
            .lock()
            .as_mut()
            .and_then(|open| open.waiting.take(number));
        question.and_then(|question| question.answer(answer.into()))
    }

    /// Answers a question of the other member.
    pub(in crate::backends::cosign::peers) fn answer(&self, number: u64, answer: ServedAnswer) {
        let long = PeerMessage::Answer { number, answer }.encode();
        let frame = long.or_else(|_| {
            // Only bytes that the other side never sent can be longer than a frame.
            let answer = ServedAnswer::Busy;
            PeerMessage::Answer { number, answer }.encode()
        });
        if let Ok(frame) = frame {
            self.send_frame(frame);
        }
    }

    /// The other member says where it stands.
    pub(super) fn stands(&self, all: Vec<MemberStanding>) {
        self.stands.lock().heard = Some(all);
    }

    /// What it said last, once; `None` where it has not said anything yet, so that it must not be shown nonces.
    pub(super) fn take_stands(&self) -> Option<Vec<MemberStanding>> {
        self.stands.lock().heard.as_mut().map(std::mem::take)
    }

    /// Whether it is the first time that this side says where it stands.
    pub(super) fn says_first(&self) -> bool {
        !std::mem::replace(&mut self.stands.lock().said, true)
    }

    /// Whether nonces were shown.
    pub(super) fn was_shown(&self) -> bool {
        self.stands.lock().shown
    }

    /// Whether it is the first time that nonces are shown.
    pub(super) fn shows_first(&self) -> bool {
        !std::mem::replace(&mut self.stands.lock().shown, true)
    }

    /// Keeps what the other member shows.
    pub(super) fn hold(&self, nonces: Vec<ShownNonce>) {
        let now = SystemClock.now().boot;
        if let Some(open) = &mut *self.open.lock() {
            nonces
                .into_iter()
                .for_each(|shown| open.held.add(shown, now));
        }
    }

    /// Takes the youngest of them out.
    pub(in crate::backends::cosign::peers) fn take_shown(&self) -> Option<ShownNonce> {
        let now = SystemClock.now().boot;
        self.open.lock().as_mut()?.held.take(now)
    }

    /// One that was taken out was not asked with.
    pub(in crate::backends::cosign::peers) fn give_back(&self, nonce: NonceId) {
        if let Some(open) = &mut *self.open.lock() {
            open.held.give_back(nonce);
        }
    }

    /// So many are at hand.
    pub(in crate::backends::cosign::peers) fn held(&self) -> usize {
        let now = SystemClock.now().boot;
        let mut open = self.open.lock();
        open.as_mut().map_or(0, |open| open.held.count(now))
    }

    /// A ping that leaves now.
    pub(super) fn next_ping(&self) -> PeerMessage {
        PeerMessage::Ping(self.pings.lock().next(Instant::now()))
    }

    pub(super) fn ponged(&self, number: u64) {
        self.pings.lock().answered(number, Instant::now());
        self.ponged.notify_all();
    }

    /// What the last ping took.
    pub(in crate::backends::cosign::peers) fn round_trip(&self) -> Option<Duration> {
        self.pings.lock().round_trip()
    }

    /// Whether the other side answers a ping within `limit`.
    pub(in crate::backends::cosign::peers) fn is_alive(&self, limit: Duration) -> bool {
        let before = self.pings.lock().answers();
        self.send(self.next_ping());
        let mut pings = self.pings.lock();
        let unanswered = |pings: &mut Pings| pings.answers() == before && !self.has_ended();
        self.ponged.wait_while_for(&mut pings, unanswered, limit);
        pings.answers() != before && !self.has_ended()
    }

    /// Ends it; the first reason counts. Whoever waits for an answer is told that it is lost.
    pub(in crate::backends::cosign::peers) fn end(&self, why: LinkEnd) {
        self.why.lock().get_or_insert(why);
        self.closer.close();
        self.outbox.lock().take();
        // Told after the lock is free.
        let open = self.open.lock().take();
        drop(open);
        self.ponged.notify_all();
    }

    /// Where the other side is.
    pub(super) fn peer_address(&self) -> Option<SocketAddr> {
        self.closer.peer_address()
    }

    /// Whether it has ended.
    pub(in crate::backends::cosign::peers) fn has_ended(&self) -> bool {
        self.outbox.lock().is_none()
    }

    /// Why it ended, if that was said before anybody noticed.
    pub(super) fn take_why(&self) -> Option<LinkEnd> {
        self.why.lock().take()
    }
}
