//! Log lines, in calm words. Only a true conflict is an ERROR that speaks of a double sign.
//!
//! Lines go through a bounded queue to a thread of its own, so that a stuck terminal or log pipe never holds a
//! vote up; what does not fit is dropped and counted. A link that says the same again and again is cut short (`limit`).

mod format;
mod limit;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::{debug, error, info, warn};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::consensus::{BlockId, Hrs};
use crate::events::{Event, RequestKind, Sink};
use crate::reason::ReasonKind;
use crate::text::count::count;

pub use format::LogFormat;
use format::{CurrentFormat, LineFormat};
use limit::{Allowance, LogLimits, MEANT, TROUBLE, WORK};

/// How many lines wait at most: with a hundred chains that sign every six seconds, those of a minute. The places of all of them are
/// written at the start, 32 bytes each.
const QUEUE: usize = 4_096;

/// Keeps the log alive; flushes it when dropped.
pub struct Logging {
    _worker: WorkerGuard,
    dropped: ErrorCounter,
    dial: LogDial,
}

/// Changes what is logged while the log runs. Clones are for the same log.
#[derive(Clone)]
pub struct LogDial {
    filter: Arc<dyn Fn(EnvFilter) + Send + Sync>,
    format: Arc<CurrentFormat>,
}

impl LogDial {
    /// From now on. `filter` is a directive as in `RUST_LOG`; one that is none changes nothing.
    pub fn turn(&self, filter: &str, format: LogFormat) {
        if let Ok(filter) = EnvFilter::try_new(filter) {
            (self.filter)(filter);
        }
        self.format.set(format);
    }
}

/// Whether a text says how much is to be logged: a level, or directives of which each has one. A word that is no level would
/// be taken for the name of a module, of which alone something is logged then, and so nothing at all.
pub fn is_filter(text: &str) -> bool {
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let says = |part: &str| part.contains('=') || is_level(part.trim());
    text.split(',').all(says) && EnvFilter::try_new(text).is_ok()
}

impl Logging {
    /// What changes it while it runs.
    pub fn dial(&self) -> LogDial {
        self.dial.clone()
    }

    /// Counts the lines that did not fit into the queue.
    pub fn dropped(&self) -> Dropped {
        Dropped(Some(self.dropped.clone()))
    }
}

/// How many log lines were dropped; none where there is no log.
#[derive(Clone, Debug, Default)]
pub struct Dropped(Option<ErrorCounter>);

impl Dropped {
    /// The number of lines since the start.
    pub fn lines(&self) -> u64 {
        let lines = self.0.as_ref().map_or(0, ErrorCounter::dropped_lines);
        u64::try_from(lines).unwrap_or(u64::MAX)
    }
}

/// Starts the log on standard error. `filter` is a directive as in `RUST_LOG`.
pub fn start(filter: &str, format: LogFormat, color: bool) -> Logging {
    let (writer, worker): (NonBlocking, WorkerGuard) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUE)
        .lossy(true)
        .thread_name("log")
        .finish(std::io::stderr());
    let dropped = writer.error_counter();
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let format = Arc::new(CurrentFormat::new(format));
    let subscriber = tracing_subscriber::fmt()
        .event_format(LineFormat {
            format: format.clone(),
            color,
        })
        .with_writer(writer)
        .with_env_filter(filter)
        .with_filter_reloading();
    let handle = subscriber.reload_handle();
    let subscriber = subscriber.finish();
    // Fails only where the log is gone.
    let filter = Arc::new(move |filter| drop(handle.reload(filter)));
    // Fails only where a log is running already, as in tests that share a process.
    let _ = tracing::subscriber::set_global_default(subscriber);
    std::panic::set_hook(Box::new(tell_panic));
    Logging {
        _worker: worker,
        dropped,
        dial: LogDial { filter, format },
    }
}

/// A bug in the form of all other lines, where programs and people look.
fn tell_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = panic.location().map(ToString::to_string);
    let place = place.unwrap_or_else(|| "an unknown place".to_owned());
    let what = panic.payload_as_str().unwrap_or("no words");
    error!(
        event = "bug",
        thread,
        place,
        "a bug in tmkms: the thread `{thread}` panicked at {place}: {what}; please report it with this line"
    );
}

/// Logs the events of one link.
pub struct LogSink {
    chain: String,
    node: String,
    place: String,
    /// Only this link's; held briefly.
    limits: Mutex<LogLimits>,
}

impl LogSink {
    /// The log of the link of `chain` to `node`.
    pub fn new(chain: &str, node: &str) -> Self {
        Self {
            chain: chain.to_owned(),
            node: node.to_owned(),
            place: format!("[{chain}@{node}]"),
            limits: Mutex::default(),
        }
    }

    /// Whether a line of this kind may be written now.
    fn admit(&self, kind: &'static str, allowance: Allowance) -> bool {
        self.admitted(kind, |limits| limits.admit(kind, allowance, Instant::now()))
    }

    /// Whether a line of this kind at this position may be written now.
    fn admit_at(&self, kind: &'static str, at: &Hrs) -> bool {
        self.admitted(kind, |limits| limits.admit_at(kind, at, Instant::now()))
    }

    fn admitted(
        &self,
        kind: &'static str,
        ask: impl FnOnce(&mut LogLimits) -> Option<u64>,
    ) -> bool {
        let found = ask(&mut self.limits.lock());
        let Some(left_out) = found else {
            return false;
        };
        if left_out > 0 {
            let Self {
                chain, node, place, ..
            } = self;
            warn!(
                event = "lines_left_out",
                chain,
                node,
                kind,
                left_out,
                "{place} left out {} like the next one ({kind}); the metrics count them all",
                count(left_out, "line")
            );
        }
        true
    }

    fn signed(&self, hrs: &Hrs, block: Option<&BlockId>, replayed: bool, took: Duration) {
        let Self {
            chain, node, place, ..
        } = self;
        // Where several nodes ask for one chain, each vote is signed for one and replayed for the others.
        let (event, admitted) = match replayed {
            true => ("replayed", self.admit_at("replayed", hrs)),
            false => ("signed", self.admit("signed", WORK)),
        };
        if !admitted {
            return;
        }
        let block = block.map_or_else(|| "nil".to_owned(), BlockId::to_string);
        let took_ms = milliseconds(took);
        let (height, round) = (hrs.height.get(), hrs.round.get());
        info!(
            event, chain, node, "type" = %hrs.step, height, round, block, took_ms,
            "{place} {event} {}:{block} at {height}/{round} ({took_ms:.2} ms)",
            hrs.step
        );
    }

    fn refused(
        &self,
        (kind, hrs): (&RequestKind, Option<&Hrs>),
        reason: ReasonKind,
        message: &str,
    ) {
        let Self {
            chain, node, place, ..
        } = self;
        let (code, double_sign) = (reason.label(), reason.is_double_sign());
        let admitted = match hrs.filter(|_| double_sign) {
            Some(hrs) => self.admit_at(code, hrs),
            // The operator asked for it.
            None if matches!(
                reason,
                ReasonKind::Paused | ReasonKind::OtherNode | ReasonKind::AwaitsChain
            ) =>
            {
                self.admit(code, MEANT)
            }
            None => self.admit(code, TROUBLE),
        };
        if !admitted {
            return;
        }
        let RequestFields {
            kind,
            height,
            round,
        } = RequestFields::new(kind, hrs);
        if double_sign {
            error!(
                event = "double_sign_refused",
                chain,
                node,
                "type" = kind,
                height,
                round,
                reason = code,
                "{place} double sign refused: {message}"
            );
        } else {
            warn!(
                event = "refused",
                chain,
                node,
                "type" = kind,
                height,
                round,
                reason = code,
                "{place} refused ({code}): {message}"
            );
        }
    }

    fn other(&self, event: &Event) {
        let Self {
            chain, node, place, ..
        } = self;
        match event {
            Event::LinkUp { peer, took, .. } => {
                let took_ms = milliseconds(*took);
                let to = peer.as_ref().map(|peer| format!(" to {peer}"));
                let (to, peer) = (to.unwrap_or_default(), peer.as_deref());
                info!(
                    event = "link_up",
                    chain, node, peer, took_ms, "{place} connected{to}"
                );
            }
            Event::LinkDown {
                code,
                message,
                was_up,
            } => {
                let what = if *was_up { "link ended" } else { "no link" };
                let event = if *was_up { "link_down" } else { "no_link" };
                warn!(
                    event,
                    chain,
                    node,
                    reason = code,
                    "{place} {what}: {message}"
                );
            }
            Event::RawSigned { bytes, took } if self.admit("raw_signed", WORK) => {
                let (took_ms, bytes) = (milliseconds(*took), *bytes as u64);
                info!(
                    event = "raw_signed",
                    chain,
                    node,
                    bytes,
                    took_ms,
                    "{place} signed {bytes} raw bytes ({took_ms:.2} ms)"
                );
            }
            Event::Late { hrs, took } if self.admit("late", TROUBLE) => {
                let (name, seconds) = (late_name(hrs.as_ref()), took.as_secs_f64());
                let height = hrs.as_ref().map(|hrs| hrs.height.get());
                warn!(
                    event = "late",
                    chain,
                    node,
                    height,
                    took_ms = milliseconds(*took),
                    "{place} {name} was signed too late ({seconds:.1} s) and did not leave; this host was stopped or paused"
                );
            }
            Event::PublicKeyAsked if self.admit("public_key", TROUBLE) => {
                debug!(
                    event = "public_key",
                    chain, node, "{place} told the public key"
                );
            }
            Event::Pinged => tracing::trace!(event = "pinged", chain, node, "{place} pinged"),
            _ => {}
        }
    }
}

/// What a request asked for, where it was valid enough to say.
struct RequestFields<'a> {
    kind: &'a str,
    height: Option<i64>,
    round: Option<i32>,
}

impl<'a> RequestFields<'a> {
    fn new(kind: &'a RequestKind, hrs: Option<&Hrs>) -> Self {
        Self {
            kind: kind.word(),
            height: hrs.map(|hrs| hrs.height.get()),
            round: hrs.map(|hrs| hrs.round.get()),
        }
    }
}

impl Sink for LogSink {
    fn emit(&self, event: &Event) {
        match event {
            Event::Signed {
                hrs,
                block,
                replayed,
                took,
                ..
            } => self.signed(hrs, block.as_ref(), *replayed, *took),
            Event::Refused {
                kind,
                hrs,
                reason,
                message,
            } => self.refused((kind, hrs.as_ref()), *reason, message),
            Event::SignerFailed { kind, hrs, message } if self.admit("signer_failed", TROUBLE) => {
                let asked = RequestFields::new(kind, hrs.as_ref());
                let (chain, node, place) = (&self.chain, &self.node, &self.place);
                warn!(
                    event = "signer_failed",
                    chain,
                    node,
                    "type" = asked.kind,
                    height = asked.height,
                    round = asked.round,
                    "{place} {message}"
                );
            }
            Event::SignerFailed { .. } => {}
            other => self.other(other),
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn late_name(hrs: Option<&Hrs>) -> String {
    hrs.map_or_else(|| "a message of raw bytes".to_owned(), Hrs::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_no_filter() {
        for good in [
            "info",
            "DEBUG",
            "off",
            "info,tmkms::link=debug",
            "tmkms=trace",
            " warn ",
        ] {
            assert!(is_filter(good), "{good:?}");
        }
        for bad in [
            "",
            " ",
            "inof",
            "verbose",
            "warning",
            "info,lnk",
            "info,",
            "tmkms=inof",
        ] {
            assert!(!is_filter(bad), "{bad:?}");
        }
    }
}
