//! The whole service in one function: read, decide, sign, answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::chain::{Asker, DEADLINE, Respond};
use crate::codec::{self, Malformed};
use crate::consensus::Height;
use crate::events::{Event, Sink};
use crate::link::{Connection, Frame, LinkError};
use crate::os::clock::{Clock, Moment};
use crate::os::process::beat::Beat;

/// A link that is up, real or scripted.
pub trait Link {
    /// Waits for the next request.
    fn receive(&mut self) -> Result<Frame<'_>, LinkError>;
    /// Makes a reply ready to be sent.
    fn prepare(&mut self, bytes: &[u8]) -> Result<(), LinkError>;
    /// Sends the reply that was prepared.
    fn send_prepared(&mut self) -> Result<(), LinkError>;
}

impl Link for Connection {
    fn receive(&mut self) -> Result<Frame<'_>, LinkError> {
        Connection::receive(self)
    }

    fn prepare(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        Connection::prepare(self, bytes)
    }

    fn send_prepared(&mut self) -> Result<(), LinkError> {
        Connection::send_prepared(self)
    }
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The link ended.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The node sent what cannot be answered.
    #[error("the node sent {0}; is this a CometBFT node of v0.34 or later?")]
    Malformed(Malformed),
    /// A signature was ready too late (W16).
    #[error(
        "a signature was ready too late and was dropped with the link: this host was stopped or paused"
    )]
    Late,
    /// What was queued may be too old (W16).
    #[error(
        "this host or process was stopped for longer than a request may wait; what came meanwhile is not answered"
    )]
    Paused,
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopped,
}

impl From<Malformed> for End {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::NodeInfo => Self::Link(LinkError::PeerPort),
            other => Self::Malformed(other),
        }
    }
}

impl End {
    /// A stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Link(error) => error.code(),
            Self::Malformed(_) => "malformed",
            Self::Late => "late",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// What a session and the supervisor know of each other.
#[derive(Debug, Default)]
pub struct InFlight {
    /// No new request is to be taken.
    pub stop: AtomicBool,
    /// A request is being answered.
    pub busy: AtomicBool,
    /// The arrival of the request whose answer is being made, in nanoseconds of the monotonic clock; 0 when none is.
    pub since: AtomicU64,
    /// What tells that the process was stopped; without one nothing does, which is for tests and for links that sign
    /// nothing.
    beat: Option<Arc<Beat>>,
    /// How many pauses were known when the link began.
    pauses: AtomicU64,
}

impl InFlight {
    /// With a beat that somebody strikes.
    pub fn with(beat: Arc<Beat>) -> Self {
        Self {
            beat: Some(beat),
            ..Self::default()
        }
    }

    /// Before a link is dialled: what it brings is not older than this.
    pub fn begin_link(&self) {
        if let Some(beat) = &self.beat {
            self.pauses.store(beat.pauses(), Ordering::Relaxed);
        }
    }

    /// When a request that was read at `read_at` may have come at the earliest; `None` after a pause.
    fn arrival(&self, read_at: &Moment) -> Option<Moment> {
        match &self.beat {
            None => Some(*read_at),
            Some(beat) => beat.arrival(read_at, self.pauses.load(Ordering::Relaxed)),
        }
    }

    /// Whether the process was stopped since the link began.
    pub fn was_paused(&self) -> bool {
        let beat = self.beat.as_ref();
        beat.is_some_and(|beat| beat.pauses() != self.pauses.load(Ordering::Relaxed))
    }

    fn begin(&self, arrival: &Moment) {
        let nanos = u64::try_from(arrival.monotonic.as_nanos()).unwrap_or(u64::MAX);
        self.since.store(nanos.max(1), Ordering::Relaxed);
    }

    fn end(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// The request in hand will have no answer.
    pub fn give_up(&self) {
        self.end();
        self.busy.store(false, Ordering::SeqCst);
    }

    /// How long the request in hand has had no answer, at the reading `now` of the monotonic clock.
    pub fn waiting(&self, now: Duration) -> Option<Duration> {
        match self.since.load(Ordering::Relaxed) {
            0 => None,
            since => Some(now.saturating_sub(Duration::from_nanos(since))),
        }
    }
}

/// The node at the other end of a link, and what holds for its requests.
#[derive(Debug, Default)]
pub struct NodeTerms {
    /// Its address, as it is configured.
    name: String,
    /// The height above which its requests are refused; it may be set while the link is up.
    max_height: AtomicI64,
}

impl NodeTerms {
    /// No height is above 0, so it stands for none.
    const NONE: i64 = 0;

    /// Of the node at this address.
    pub fn new(name: String, max_height: Option<Height>) -> Self {
        let terms = Self {
            name,
            ..Self::default()
        };
        terms.limit(max_height);
        terms
    }

    /// Another height above which requests are refused, or none, from the next request on.
    pub fn limit(&self, max_height: Option<Height>) {
        let height = max_height.map_or(Self::NONE, Height::get);
        self.max_height.store(height, Ordering::SeqCst);
    }

    /// As they are now.
    fn asker(&self) -> Asker<'_> {
        Asker {
            node: &self.name,
            max_height: match self.max_height.load(Ordering::SeqCst) {
                Self::NONE => None,
                height => Height::new(height),
            },
        }
    }
}

/// Answers one node until the link ends. Never ends for a refusal or a failing device.
pub fn serve(
    link: &mut dyn Link,
    chain: &dyn Respond,
    node: &NodeTerms,
    hand: &InFlight,
    clock: &dyn Clock,
    sink: &dyn Sink,
) -> End {
    let mut out = Vec::with_capacity(512);
    loop {
        if let Err(end) = serve_one(link, chain, node, hand, clock, sink, &mut out) {
            hand.give_up();
            return end;
        }
    }
}

fn serve_one(
    link: &mut dyn Link,
    chain: &dyn Respond,
    node: &NodeTerms,
    hand: &InFlight,
    clock: &dyn Clock,
    sink: &dyn Sink,
    out: &mut Vec<u8>,
) -> Result<(), End> {
    let frame = match link.receive() {
        Ok(frame) => frame,
        // The links are shut after a pause, and the node did not do it.
        Err(_) if hand.was_paused() => return Err(End::Paused),
        Err(error) => return Err(error.into()),
    };
    // In this order, so that a supervisor that has set `stop` and sees no `busy` may leave.
    hand.busy.store(true, Ordering::SeqCst);
    if hand.stop.load(Ordering::SeqCst) {
        return Err(End::Stopped);
    }
    let arrival = hand.arrival(&frame.read_at).ok_or(End::Paused)?;
    hand.begin(&arrival);
    let mut answer = chain.answer(codec::decode(frame.bytes)?, &arrival, &node.asker(), clock);
    hand.end();
    out.clear();
    codec::encode(&answer.reply, out);
    link.prepare(out)?;
    // The last thing before the system call that sends it: a process that was stopped at any moment before is late here.
    if let Some(hrs) = answer.releases.position() {
        let took = clock.now().longest_since(&arrival);
        if took > DEADLINE {
            sink.emit(&Event::Late { hrs, took });
            return Err(End::Late);
        }
    }
    link.send_prepared()?;
    hand.busy.store(false, Ordering::SeqCst);
    if let Event::Signed { took, spent, .. } = &mut answer.event {
        let whole = clock.monotonic().saturating_sub(arrival.monotonic);
        spent.reply = whole.saturating_sub(*took);
    }
    sink.emit(&answer.event);
    Ok(())
}
