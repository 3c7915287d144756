//! A link's thread: dial, serve, and dial again, for ever.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::chain::Chain;
use crate::config::NodeConfig;
use crate::consensus::Height;
use crate::events::Event;
use crate::link::redial::Redial;
use crate::link::{Address, Closer, IdentityKey, Timeouts, dial};
use crate::observe::board::Board;
use crate::observe::book::Book;
use crate::observe::log::LogSink;
use crate::os::clock::SystemClock;
use crate::session::{Hand, serve};

use super::arm::Identities;
use super::sink::LinkSink;
use super::{STACK, ServiceError, Stop};

/// A link that lived less long than this is not dialled again at once.
const LIVED: Duration = Duration::from_secs(1);
/// How often the same trouble of a link is told again.
const REPEAT: Duration = Duration::from_secs(60);
/// How often the link of a chain that another process holds looks whether it still does.
const PARKED: Duration = Duration::from_millis(250);

/// A link before its thread runs.
pub(super) struct Prepared {
    chain: Arc<Chain>,
    address: Address,
    identity: Option<IdentityKey>,
    times: Timeouts,
    reconnect: bool,
    max_height: Option<Height>,
    pub hand: Arc<Hand>,
    pub sink: LinkSink,
}

pub(super) fn prepare(
    chain: &Arc<Chain>,
    book: &Book,
    node: &NodeConfig,
    identities: &mut Identities,
) -> Option<Prepared> {
    let identity = match &node.identity {
        Some(source) => Some(identities.load(source)?),
        None => None,
    };
    Some(Prepared {
        chain: chain.clone(),
        identity,
        times: node.timeouts,
        reconnect: node.reconnect,
        max_height: node.max_height,
        hand: Arc::new(Hand::default()),
        sink: LinkSink {
            log: LogSink::new(chain.id().as_str(), &node.address.to_string()),
            board: Board::default(),
            book: book.clone(),
        },
        address: node.address.clone(),
    })
}

/// A link's thread, and how to end it.
pub(super) struct Running {
    chain: Arc<Chain>,
    pub hand: Arc<Hand>,
    pub closer: Arc<Mutex<Option<Closer>>>,
    pub ended: Arc<AtomicBool>,
    pub thread: JoinHandle<()>,
}

impl Running {
    /// Hangs up where another process signs for the chain by now: a node has one place for a signer (W7).
    pub fn leave_to_others(&self) {
        if self.chain.is_elsewhere()
            && let Some(closer) = &*self.closer.lock().unwrap_or_else(PoisonError::into_inner)
        {
            closer.stop_reading();
        }
    }
}

pub(super) fn start(link: Prepared, stop: &Arc<Stop>) -> Result<Running, ServiceError> {
    let (chain, hand) = (link.chain.clone(), link.hand.clone());
    let closer = Arc::new(Mutex::new(None));
    let ended = Arc::new(AtomicBool::new(false));
    let (inner_hand, inner_closer) = (hand.clone(), closer.clone());
    let (inner_ended, inner_stop) = (ended.clone(), stop.clone());
    let thread = thread::Builder::new()
        .name("link".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            keep_up(&link, &inner_hand, &inner_closer, &inner_stop);
            inner_ended.store(true, Ordering::SeqCst);
        })
        .map_err(ServiceError::Thread)?;
    Ok(Running {
        chain,
        hand,
        closer,
        ended,
        thread,
    })
}

/// Dials, serves, and dials again, for ever.
fn keep_up(link: &Prepared, hand: &Hand, closer: &Mutex<Option<Closer>>, stop: &Stop) {
    let mut redial = Redial::default();
    let mut told: Option<(&'static str, Instant)> = None;
    // The last link ended as soon as it was made, and that was told a moment ago.
    let mut flapping = false;
    loop {
        if park(link, stop) || stop.wait(redial.delay(random())) {
            return;
        }
        let hold = |new: Closer| {
            if hand.stop.load(Ordering::SeqCst) {
                new.close();
            }
            *closer.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
        };
        let began = Instant::now();
        let (code, message, was_up) =
            match dial(&link.address, link.identity.as_ref(), &link.times, hold) {
                Ok(mut connection) => {
                    let peer = connection.peer().map(|peer| peer.to_string());
                    let up = Event::LinkUp {
                        peer,
                        took: began.elapsed(),
                        round_trip: connection.round_trip(),
                    };
                    link.sink.note(&up, !flapping);
                    let end = serve(
                        &mut connection,
                        &link.chain,
                        link.max_height,
                        hand,
                        &SystemClock,
                        &link.sink,
                    );
                    connection.close();
                    if connection.frames() > 0 && began.elapsed() >= LIVED {
                        redial.lived();
                    }
                    (end.code(), end.to_string(), true)
                }
                Err(error) => (error.code(), error.to_string(), false),
            };
        closer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if stop.is_set() {
            return;
        }
        if link.chain.is_elsewhere() {
            continue;
        }
        // Neither a node that is down for a night nor one that hangs up at once fills the log.
        let lived = was_up && began.elapsed() >= LIVED;
        let news = lived || told.is_none_or(|(last, at)| last != code || at.elapsed() >= REPEAT);
        flapping = was_up && !lived;
        if news {
            told = Some((code, Instant::now()));
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

/// Waits while another process signs for the chain; `true` when everyone is asked to stop.
fn park(link: &Prepared, stop: &Stop) -> bool {
    if !link.chain.is_elsewhere() {
        return false;
    }
    let down = Event::LinkDown {
        code: "elsewhere",
        message: link.chain.why_unarmed().unwrap_or_default(),
        was_up: false,
    };
    // The log has it once for the whole chain.
    link.sink.note(&down, false);
    while link.chain.is_elsewhere() {
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
