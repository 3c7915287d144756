//! The switch of one chain: thrown by an operator, looked at by its gate.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::consensus::Height;
use crate::remedy::CommandLine;

use super::file::{PauseFile, PauseFileError};
use super::order::Pause;

/// How long a change waits for another one of the same chain, whose disk may hang.
const TURN: Duration = Duration::from_secs(3);

/// A pause that a chain obeys.
#[derive(Debug)]
pub struct ActivePause {
    /// What was asked for.
    pub pause: Pause,
    /// Why it is not kept over a restart, if so.
    pub unsaved: Option<String>,
    /// The command that ends it.
    pub resume: CommandLine,
    /// A request was refused for it: the chain is there, even where this validator missed the heights before.
    met: AtomicBool,
}

impl ActivePause {
    fn new(pause: Pause, unsaved: Option<String>, resume: CommandLine) -> Self {
        Self {
            pause,
            unsaved,
            resume,
            met: AtomicBool::new(false),
        }
    }

    /// Whether nothing is signed any more; where not, it waits for its height. `last` is the height of the watermark.
    pub fn is_in_effect(&self, last: Option<Height>) -> bool {
        self.met.load(Ordering::Relaxed) || self.pause.leaves_nothing_after(last)
    }
}

/// Whether a chain is paused. Looked at without a lock.
#[derive(Debug, Default)]
pub struct PauseSwitch {
    /// One change at a time, its file included.
    changing: Mutex<()>,
    now: ArcSwapOption<ActivePause>,
}

impl PauseSwitch {
    /// The pause that the chain obeys now.
    pub fn now(&self) -> Option<Arc<ActivePause>> {
        self.now.load_full()
    }

    /// The pause that forbids this height, if one does.
    pub fn forbids(&self, height: Height) -> Option<Arc<ActivePause>> {
        let now = self.now.load();
        let active = now.as_ref().filter(|now| now.pause.forbids(height))?;
        active.met.store(true, Ordering::Relaxed);
        Some(active.clone())
    }

    /// Takes what the file says, while the chain is being armed and its state is held. A pause that could not be written
    /// stays.
    ///
    /// # Errors
    /// The file cannot be read or understood: then the chain must not be armed.
    pub fn read(&self, file: &PauseFile) -> Result<Option<Arc<ActivePause>>, PauseFileError> {
        let _turn = self.changing.lock();
        let unsaved = self.now().filter(|now| now.unsaved.is_some());
        let now = match (file.read()?, unsaved) {
            (_, Some(unsaved)) => Some(unsaved),
            (Some(pause), None) => Some(Arc::new(ActivePause::new(pause, None, file.resume()))),
            (None, None) => None,
        };
        self.now.store(now.clone());
        Ok(now)
    }

    /// Pauses from now on, and gives what was before and what is now; `None` where another change does not come to its end.
    ///
    /// The file comes first, so that a process that is killed in between is paused when it comes back. What cannot be
    /// written is obeyed all the same.
    pub fn pause(&self, pause: Pause, file: &PauseFile) -> Option<PauseChange> {
        let _turn = self.changing.try_lock_for(TURN)?;
        let unsaved = file.write(&pause).err().map(|error| error.to_string());
        let now = Arc::new(ActivePause::new(pause, unsaved, file.resume()));
        let before = self.now.swap(Some(now.clone()));
        Some(PauseChange { before, now })
    }

    /// Ends the pause and gives what it was, and whether there was a file; `None` where another change does not come to its end.
    ///
    /// # Errors
    /// The file cannot be removed for good: then the pause stays.
    pub fn resume(&self, file: &PauseFile) -> Option<io::Result<PauseEnded>> {
        let _turn = self.changing.try_lock_for(TURN)?;
        Some(file.remove().map(|removed| PauseEnded {
            before: self.now.swap(None),
            removed,
        }))
    }
}

/// What the end of a pause has changed.
#[derive(Debug)]
pub struct PauseEnded {
    /// What was before.
    pub before: Option<Arc<ActivePause>>,
    /// Whether there was a file.
    pub removed: bool,
}

/// What a pause has changed.
#[derive(Debug)]
pub struct PauseChange {
    /// What was before.
    pub before: Option<Arc<ActivePause>>,
    /// What is now.
    pub now: Arc<ActivePause>,
}
