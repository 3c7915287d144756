//! The control socket: tells its own user, the only one who may open it, what the service does.
//!
//! On a thread of its own; one question a connection. Nothing here can change what is signed: what was refused can be taken
//! out of sight, and no more.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::config::Config;
use crate::observe::registry::Registry;
use crate::observe::status::{ConflictStatus, ServiceStatus};
use crate::os::clock::{Clock, SystemClock};
use crate::os::unix_socket::{OwnedListener, connect};
use crate::threads::{STACK, Shutdown, spawn_observer};

/// How long one question and its answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries to listen.
const BIND_AGAIN: Duration = Duration::from_secs(2);
/// The longest question in bytes: a word and a chain id.
const LONGEST: usize = 128;
/// Before the id of a chain whose refused double signs somebody has seen.
const ACKNOWLEDGE: &str = "acknowledge ";
/// The longest answer in bytes: 1,000 chains with long troubles.
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;

/// The socket, for as long as the service lives.
pub(crate) struct Control(Arc<Mutex<Option<OwnedListener>>>);

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.0.lock().take());
    }
}

/// Begins to answer. Without a socket the service signs all the same, so trouble is a warning; it is tried again, because
/// the process before this one may still be about to end.
///
/// # Errors
/// The host has no room for another thread.
pub(crate) fn serve(
    config: &Config,
    registry: Arc<Registry>,
    stop: &Arc<Shutdown>,
) -> io::Result<Control> {
    let slot = Arc::new(Mutex::new(None));
    let path = config.control.clone();
    let told = |error: io::Error| {
        warn!(
            event = "no_status",
            "`tmkms status` cannot be answered at {}: {error}; if that lasts, name a path that this user may create in \
              `control_socket` and restart tmkms",
            config.control.display()
        );
    };
    if let Err(error) = bind(&path, &slot) {
        told(error);
    }
    let (inner, inner_stop) = (slot.clone(), stop.clone());
    spawn_observer("control", STACK, stop, move || {
        if let Some(listener) = bound(&inner).or_else(|| bind_later(&path, &inner, &inner_stop)) {
            answer_all(&listener, &registry);
        }
    })?;
    Ok(Control(slot))
}

/// The listener that there is already.
fn bound(slot: &Mutex<Option<OwnedListener>>) -> Option<UnixListener> {
    slot.lock().as_ref()?.listener.try_clone().ok()
}

fn bind(path: &Path, slot: &Mutex<Option<OwnedListener>>) -> io::Result<UnixListener> {
    let owned = OwnedListener::bind(path)?;
    let listener = owned.listener.try_clone()?;
    *slot.lock() = Some(owned);
    Ok(listener)
}

fn bind_later(
    path: &Path,
    slot: &Mutex<Option<OwnedListener>>,
    stop: &Shutdown,
) -> Option<UnixListener> {
    while !stop.wait(BIND_AGAIN) {
        if let Ok(listener) = bind(path, slot) {
            info!(
                event = "listening",
                "`tmkms status` is answered at {}",
                path.display()
            );
            return Some(listener);
        }
    }
    None
}

fn answer_all(listener: &UnixListener, registry: &Registry) {
    for stream in listener.incoming() {
        match stream {
            // A client that asks and goes away does not matter.
            Ok(stream) => drop(answer(stream, registry)),
            // Too many open files, for instance: it passes, and must not become a busy loop.
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn answer(mut stream: UnixStream, registry: &Registry) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = Vec::new();
    let mut byte = [0];
    while question.len() < LONGEST && stream.read(&mut byte)? == 1 && byte != *b"\n" {
        question.extend_from_slice(&byte);
    }
    let question = String::from_utf8_lossy(&question);
    let text = match (&*question, question.strip_prefix(ACKNOWLEDGE)) {
        ("status", _) => serde_json::to_vec(&registry.status())?,
        (_, Some(chain)) => serde_json::to_vec(&acknowledge(registry, chain))?,
        _ => serde_json::to_vec(&Acknowledgement::Error(
            "the only questions are `status` and `acknowledge CHAIN`".to_owned(),
        ))?,
    };
    stream.write_all(&text)
}

/// What becomes of an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledgement {
    /// What is out of sight now, for each node that asked for one.
    Acknowledged(Vec<ConflictStatus>),
    /// Why nothing was done.
    Error(String),
}

/// Takes what is there and says what that was, so that nothing disappears which nobody was told of.
fn acknowledge(registry: &Registry, id: &str) -> Acknowledgement {
    let Some(chain) = registry.chains.iter().find(|chain| chain.id == id) else {
        return Acknowledgement::Error("the service does not know this chain".to_owned());
    };
    let taken = chain.acknowledge(&SystemClock.now());
    for conflict in &taken {
        let (node, count) = (&conflict.node, conflict.count);
        info!(
            event = "acknowledged",
            chain = id,
            node,
            count,
            "[{id}] acknowledged: double sign refused, {}",
            conflict.line()
        );
    }
    Acknowledgement::Acknowledged(taken)
}

/// Asks the service that belongs to a configuration.
pub fn ask(path: &Path) -> io::Result<ServiceStatus> {
    let status: ServiceStatus = serde_json::from_slice(&answer_to("status", path)?)?;
    Ok(status.judged())
}

/// Tells that service that somebody has seen the refused double signs of a chain.
pub fn tell_acknowledged(chain: &str, path: &Path) -> io::Result<Acknowledgement> {
    let answer = answer_to(&format!("{ACKNOWLEDGE}{chain}"), path)?;
    Ok(serde_json::from_slice(&answer)?)
}

fn answer_to(question: &str, path: &Path) -> io::Result<Vec<u8>> {
    let mut stream = connect(path)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut text = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut text)?;
    Ok(text)
}
