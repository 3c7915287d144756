//! Log lines, in calm words. Only a true conflict is an ERROR that speaks of a double sign.
//!
//! Lines go through a bounded queue to a thread of its own, so that a stuck terminal or log pipe never holds a
//! vote up; what does not fit is dropped and counted.

use std::io::IsTerminal;

use tracing::{debug, error, info, warn};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::consensus::Hrs;
use crate::events::{Event, Sink};

/// How many lines wait at most.
const QUEUE: usize = 16_384;

/// Keeps the log alive; flushes it when dropped.
pub struct Logging {
    _worker: WorkerGuard,
    dropped: ErrorCounter,
}

impl Logging {
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
pub fn start(filter: &str, color: bool) -> Logging {
    let (writer, worker): (NonBlocking, WorkerGuard) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUE)
        .lossy(true)
        .thread_name("log")
        .finish(std::io::stderr());
    let dropped = writer.error_counter();
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(color && std::io::stderr().is_terminal())
        .with_writer(writer)
        .finish();
    // Fails only where a log is running already, as in tests that share a process.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Logging {
        _worker: worker,
        dropped,
    }
}

/// Logs the events of one link.
pub struct LogSink {
    place: String,
}

impl LogSink {
    /// The log of the link of `chain` to `node`.
    pub fn new(chain: &str, node: &str) -> Self {
        Self {
            place: format!("[{chain}@{node}]"),
        }
    }
}

impl Sink for LogSink {
    fn emit(&self, event: &Event) {
        let place = &self.place;
        match event {
            Event::LinkUp {
                peer: Some(peer), ..
            } => info!("{place} connected to {peer}"),
            Event::LinkUp { peer: None, .. } => info!("{place} connected"),
            Event::LinkDown {
                message,
                was_up: true,
                ..
            } => warn!("{place} link ended: {message}"),
            Event::LinkDown {
                message,
                was_up: false,
                ..
            } => warn!("{place} no link: {message}"),
            Event::Signed {
                hrs,
                block,
                replayed,
                took,
                ..
            } => {
                let verb = if *replayed { "replayed" } else { "signed" };
                let block = block.map_or_else(|| "nil".to_owned(), |block| block.to_string());
                let milliseconds = took.as_secs_f64() * 1000.0;
                info!(
                    "{place} {verb} {}:{block} at {}/{} ({milliseconds:.2} ms)",
                    hrs.step, hrs.height, hrs.round
                );
            }
            Event::Refused {
                double_sign: true,
                message,
                ..
            } => {
                error!("{place} double sign refused: {message}");
            }
            Event::Refused { code, message, .. } => warn!("{place} refused ({code}): {message}"),
            Event::SignerFailed { message, .. } => warn!("{place} {message}"),
            Event::RawSigned { bytes, took } => info!(
                "{place} signed {bytes} raw bytes ({:.2} ms)",
                took.as_secs_f64() * 1000.0
            ),
            Event::Late { hrs, took } => warn!(
                "{place} {} was signed too late ({:.1} s) and did not leave; this host was stopped or paused",
                late_name(hrs.as_ref()),
                took.as_secs_f64()
            ),
            Event::PublicKeyAsked => debug!("{place} told the public key"),
            Event::Pinged => tracing::trace!("{place} pinged"),
        }
    }
}

fn late_name(hrs: Option<&Hrs>) -> String {
    hrs.map_or_else(|| "a message of raw bytes".to_owned(), Hrs::to_string)
}
