//! A link's thread: dial, serve, and dial again, until the end of the service.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::chain::ChainKeys;
use crate::config::NodeConfig;
use crate::consensus::Height;
use crate::events::Event;
use crate::link::redial::Redial;
use crate::link::{Address, Closer, Dialer, LinkError, Timeouts};
use crate::observe::log::LogSink;
use crate::observe::sink::LinkSink;
use crate::observe::stats::chain::ChainStats;
use crate::observe::stats::link::LinkStats;
use crate::os::clock::SystemClock;
use crate::os::process::beat::Beat;
use crate::secret_file::SecretSource;
use crate::session::{InFlight, NodeTerms, serve};
use crate::threads::{STACK, Shutdown, spawn};

use super::arming::Identities;
use super::error::ServiceError;

/// A link that lived less long than this is not dialled again at once.
const LIVED: Duration = Duration::from_secs(1);
/// How often the same trouble of a link is logged again.
const REPEAT: Duration = Duration::from_secs(60);
/// The same for a place in a node's line, which is no trouble where several signers dial one node.
const REPEAT_IN_LINE: Duration = Duration::from_secs(3600);
/// How often the link of a chain that another process holds looks whether it still does.
const PARKED: Duration = Duration::from_millis(250);
/// A chain whose key takes longer than this to open is dialled all the same. Not sooner: without a link a node asks again
/// for the same vote (CometBFT's `RetrySignerClient`), and a vote that was refused is lost, which halts a chain of one
/// validator for good. Devices that are away cost 4 s each, so two of them are waited for.
const GRACE: Duration = Duration::from_secs(10);

/// A link before its thread runs.
pub(super) struct PreparedLink {
    chain: Arc<ChainKeys>,
    address: Address,
    identity: Option<SecretSource>,
    identities: Arc<Identities>,
    times: Timeouts,
    reconnect: bool,
    terms: Arc<NodeTerms>,
    /// Tells this link alone to end.
    stop: Arc<Shutdown>,
    config: NodeConfig,
    in_flight: Arc<InFlight>,
    sink: LinkSink,
}

pub(super) fn prepare(
    chain: &Arc<ChainKeys>,
    stats: &ChainStats,
    node: &NodeConfig,
    identities: &Arc<Identities>,
    beat: &Arc<Beat>,
) -> Result<PreparedLink, ServiceError> {
    Ok(PreparedLink {
        address: node.address.known()?.clone(),
        chain: chain.clone(),
        identity: node.identity.clone(),
        identities: identities.clone(),
        times: node.timeouts,
        reconnect: node.reconnect,
        terms: Arc::new(NodeTerms::new(node.address.to_string(), node.max_height)),
        stop: Arc::default(),
        config: node.clone(),
        in_flight: Arc::new(InFlight::with(beat.clone())),
        sink: LinkSink {
            log: LogSink::new(chain.id().as_str(), &node.address.to_string()),
            link: LinkStats::default(),
            chain: stats.clone(),
        },
    })
}

/// A link's thread, and how to end it.
pub(super) struct RunningLink {
    chain: Arc<ChainKeys>,
    pub in_flight: Arc<InFlight>,
    /// What it has done.
    pub stats: LinkStats,
    closer: Arc<Mutex<Option<Closer>>>,
    terms: Arc<NodeTerms>,
    stop: Arc<Shutdown>,
    /// What was configured when it began.
    pub config: NodeConfig,
    thread: JoinHandle<()>,
}

impl RunningLink {
    /// Hangs up where another process signs for the chain by now: a node accepts one signer connection (W7).
    pub fn leave_to_others(&self) {
        if self.chain.is_elsewhere() {
            self.wake();
        }
    }

    /// Ends it: no new request is read, what is being answered is still sent, and it is not dialled again.
    pub fn end(&self) {
        self.in_flight.stop.store(true, Ordering::SeqCst);
        self.stop.trigger();
        self.wake();
    }

    /// Another height above which requests are refused, from the next one on.
    pub fn limit(&self, max_height: Option<Height>) {
        self.terms.limit(max_height);
    }

    /// Hangs up where what is queued may be too old, and dials again (W16).
    pub fn end_if_paused(&self) {
        if self.in_flight.was_paused() {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(closer) = &*self.closer.lock() {
            closer.stop_reading();
        }
    }

    /// Whether a request is being answered.
    pub fn is_busy(&self) -> bool {
        self.in_flight.busy.load(Ordering::SeqCst) && !self.has_ended()
    }

    /// Whether it will not be dialled again.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Whether it will not be dialled again, and nobody asked for that.
    pub fn has_ended_by_itself(&self) -> bool {
        self.has_ended() && !self.stop.is_set()
    }
}

/// Its thread.
pub(super) fn start(link: PreparedLink) -> io::Result<RunningLink> {
    let (chain, in_flight) = (link.chain.clone(), link.in_flight.clone());
    let stats = link.sink.link.clone();
    let closer = Arc::new(Mutex::new(None));
    let (terms, stop, config) = (link.terms.clone(), link.stop.clone(), link.config.clone());
    let inner = closer.clone();
    let body = move || keep_up(&link, &inner);
    let thread = spawn("link", STACK, body)?;
    Ok(RunningLink {
        chain,
        in_flight,
        stats,
        closer,
        terms,
        stop,
        config,
        thread,
    })
}

/// How a link ended, or why there was none.
struct Down {
    code: &'static str,
    message: String,
    was_up: bool,
    /// There is a place in the node's line.
    in_line: bool,
}

/// Dials, serves, and dials again.
fn keep_up(link: &PreparedLink, closer: &Mutex<Option<Closer>>) {
    let stop = &link.stop;
    let mut redial = Redial::default();
    let mut dialer = Dialer::new(&link.address);
    let mut told: BTreeMap<&'static str, Instant> = BTreeMap::new();
    // The last link ended as soon as it was made, and the log said so a moment ago.
    let mut flapping = false;
    // Told at the start, also where another process holds the chain. What is wrong is told when the link is dialled.
    if let Some(source) = &link.identity {
        let _ = link.identities.load(source);
    }
    // The last dial brought a place in the node's line.
    let mut stands = false;
    loop {
        let delay = redial.delay_outside_of_line(stands, random());
        if park(link, &mut dialer, stop) || stop.wait(delay) {
            return;
        }
        let began = Instant::now();
        // A bug that one node's request meets must not end the other links; what a gate persisted before it stays so.
        let once =
            AssertUnwindSafe(|| dial_and_serve(link, &mut dialer, closer, &mut redial, flapping));
        let Down {
            code,
            message,
            was_up,
            in_line,
        } = catch_unwind(once).unwrap_or_else(|_| panicked(link));
        closer.lock().take();
        stands = in_line;
        if stop.is_set() {
            return;
        }
        if link.chain.is_elsewhere() {
            continue;
        }
        // Neither a node that is down for a night nor one that hangs up at once fills the log.
        let lived = was_up && began.elapsed() >= LIVED;
        let again = match in_line {
            true => REPEAT_IN_LINE,
            false => REPEAT,
        };
        let news = lived || told.get(code).is_none_or(|at| at.elapsed() >= again);
        flapping = was_up && !lived;
        if lived {
            told.clear();
        }
        if news {
            told.insert(code, Instant::now());
        }
        let down = Event::LinkDown {
            code,
            message,
            was_up,
        };
        link.sink.note(&down, news);
        if !link.reconnect {
            return;
        }
    }
}

fn dial_and_serve(
    link: &PreparedLink,
    dialer: &mut Dialer,
    closer: &Mutex<Option<Closer>>,
    redial: &mut Redial,
    flapping: bool,
) -> Down {
    let identity = match &link.identity {
        None => None,
        Some(source) => match link.identities.load(source) {
            Ok(identity) => Some(identity),
            Err(why) => {
                // A variable stays what it was when this process began, and the text says so.
                let again = match source {
                    SecretSource::Environment(_) => "",
                    SecretSource::File(_) | SecretSource::Credential(_) => {
                        "; it is read again before the next try"
                    }
                };
                return Down {
                    code: "no_identity",
                    message: format!("{why}{again}"),
                    was_up: false,
                    in_line: false,
                };
            }
        },
    };
    let hold = |new: Closer| {
        let mut closer = closer.lock();
        // Whoever ends the link stops it first, and finds this one after that.
        if link.in_flight.stop.load(Ordering::SeqCst) {
            new.close();
        }
        *closer = Some(new);
    };
    link.in_flight.begin_link();
    let began = Instant::now();
    // Who would not sign lets the others in the node's line go first.
    let times = match may_sign(&link.chain) {
        true => link.times,
        false => link.times.without_standby(),
    };
    let mut connection = match dialer.dial(identity.as_deref(), &times, hold) {
        Ok(connection) => connection,
        Err(error) => {
            return Down {
                code: error.code(),
                message: error.to_string(),
                was_up: false,
                in_line: matches!(error, LinkError::InLine(_)),
            };
        }
    };
    let up = Event::LinkUp {
        peer: connection.peer().map(|peer| peer.to_string()),
        took: began.elapsed(),
        round_trip: connection.round_trip(),
    };
    link.sink.note(&up, !flapping);
    let end = serve(
        &mut connection,
        &*link.chain,
        &link.terms,
        &link.in_flight,
        &SystemClock,
        &link.sink,
    );
    connection.close();
    if connection.frames() > 0 && began.elapsed() >= LIVED {
        redial.lived();
    }
    Down {
        code: end.code(),
        message: end.to_string(),
        was_up: true,
        in_line: false,
    }
}

/// Whether a node that turns to this signer now would have what it wants, as far as is known.
fn may_sign(chain: &ChainKeys) -> bool {
    let seen = chain.seen();
    let is_broken = seen.gate.is_some_and(|gate| gate.broken.is_some());
    let trouble = seen.why_unarmed.or(seen.key_trouble).or(seen.waits);
    trouble.is_none() && !is_broken
}

fn panicked(link: &PreparedLink) -> Down {
    link.in_flight.give_up();
    Down {
        code: "bug",
        message: "a bug in tmkms ended this link; please report the line above that says where"
            .to_owned(),
        was_up: true,
        in_line: false,
    }
}

/// Waits while the chain is being opened or another process signs for it; `true` when everyone is asked to stop.
fn park(link: &PreparedLink, dialer: &mut Dialer, stop: &Shutdown) -> bool {
    let chain = &link.chain;
    let began = Instant::now();
    while chain.is_opening_after(PARKED) {
        dialer.leave_line();
        if stop.is_set() {
            return true;
        }
        if began.elapsed() >= GRACE && chain.is_free() {
            break;
        }
    }
    if !chain.is_elsewhere() {
        return false;
    }
    // It is for the other process.
    dialer.leave_line();
    let down = Event::LinkDown {
        code: "elsewhere",
        message: chain.why_unarmed().unwrap_or_default(),
        was_up: false,
    };
    // The log has it once for the whole chain.
    link.sink.note(&down, false);
    while chain.is_elsewhere() {
        if stop.wait(PARKED) {
            return true;
        }
    }
    false
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, and nothing else is lost.
    let _ = getrandom::getrandom(&mut bytes);
    u32::from_le_bytes(bytes)
}
