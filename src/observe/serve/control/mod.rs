//! The control socket: tells its own user, the only one who may open it, what the service does.
//!
//! On a thread of its own; one question a connection. `question.rs` has what may be asked, and each question that is more
//! than a look has a file of its own.

mod acknowledge;
mod client;
mod moves;
mod pause;
mod pause_asked;
mod question;
mod reload;

use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tracing::{info, warn};

use crate::config::Config;
use crate::observe::registry::Registry;
use crate::os::unix_socket::OwnedListener;
use crate::threads::{Reloads, STACK, Shutdown, spawn, spawn_observer};

use acknowledge::acknowledge;
pub use acknowledge::{AcknowledgedSights, Acknowledgement, tell_acknowledged};
pub use client::ask;
pub use moves::{MoveAnswer, Mover, tell_move_in, tell_move_out};
pub use pause::{PauseAnswer, PauseDone, ResumeAnswer, Resumed, ask_to_pause, ask_to_resume};
use pause::{pause, resume};
pub use pause_asked::PauseAsked;
use question::ControlQuestion;
use reload::reload;
pub use reload::tell_reload;

/// How long one question and its answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries to listen.
const BIND_AGAIN: Duration = Duration::from_secs(2);

/// What is done by others than the one who answers.
#[derive(Clone)]
pub(crate) struct Actions {
    pub reloads: Reloads,
    pub mover: Arc<dyn Mover>,
}

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
    actions: Actions,
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
            answer_all(&listener, &registry, &actions);
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

fn answer_all(listener: &UnixListener, registry: &Arc<Registry>, actions: &Actions) {
    for stream in listener.incoming() {
        match stream {
            // A client that asks and goes away does not matter.
            Ok(stream) => drop(answer(stream, registry, actions)),
            // Too many open files, for instance: it passes, and must not become a busy loop.
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn answer(mut stream: UnixStream, registry: &Arc<Registry>, actions: &Actions) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let text = match ControlQuestion::read(&stream)? {
        Ok(ControlQuestion::Status) => serde_json::to_vec(&registry.status())?,
        Ok(ControlQuestion::Acknowledge(chain)) => {
            serde_json::to_vec(&acknowledge(registry, &chain))?
        }
        // It may take seconds, and others want to know how things are.
        Ok(ControlQuestion::Reload(config)) => {
            let (registry, reloads) = (registry.clone(), actions.reloads.clone());
            return later(stream, move || {
                serde_json::to_vec(&reload(&registry, &reloads, &config))
            });
        }
        Ok(ControlQuestion::Pause(asked)) => {
            let registry = registry.clone();
            return later(stream, move || {
                serde_json::to_vec(&pause(&registry, &asked))
            });
        }
        Ok(ControlQuestion::Resume(chain)) => {
            let registry = registry.clone();
            return later(stream, move || {
                serde_json::to_vec(&resume(&registry, &chain))
            });
        }
        Ok(ControlQuestion::MoveOut(chain)) => {
            let mover = actions.mover.clone();
            return later(stream, move || serde_json::to_vec(&mover.move_out(&chain)));
        }
        Ok(ControlQuestion::MoveIn(bundle)) => {
            let mover = actions.mover.clone();
            return later(stream, move || serde_json::to_vec(&mover.move_in(&bundle)));
        }
        Err(unknown) => serde_json::to_vec(&Acknowledgement::Error(unknown.to_string()))?,
    };
    stream.write_all(&text)
}

/// Answers on a thread of its own what may wait for a disk, so that `tmkms status` is answered meanwhile. Those that wait
/// for each other give up after a few seconds.
fn later(
    mut stream: UnixStream,
    answer: impl FnOnce() -> serde_json::Result<Vec<u8>> + Send + 'static,
) -> io::Result<()> {
    let thread = spawn("command", STACK, move || -> io::Result<()> {
        stream.write_all(&answer()?)
    });
    thread.map(drop)
}
