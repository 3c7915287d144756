//! The questions `pause` and `resume`: an operator lets nothing be signed for a chain, or lets it be signed again.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use crate::chain::Drained;
use crate::consensus::{Height, Hrs};
use crate::gate::pause::{ActivePause, Pause, PauseWhy};
use crate::observe::registry::{ChainEntry, Registry};
use crate::observe::status::PauseStatus;
use crate::os::clock::{Clock, SystemClock};

use super::client::answer_to;
use super::pause_asked::PauseAsked;
use super::question::ControlQuestion;

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseAnswer {
    /// The chain is paused.
    Paused(Box<PauseDone>),
    /// Why nothing was done.
    Error(String),
}

/// A chain that was paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseDone {
    /// What was before.
    pub before: Option<PauseStatus>,
    /// What is now.
    pub now: PauseStatus,
    /// The watermark, as `height/round/step`.
    pub last: Option<String>,
    /// The height of it; 0 where there is none.
    pub height: i64,
    /// A request from before hangs and may still be signed.
    pub in_hand: bool,
}

/// What becomes of the wish to sign again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeAnswer {
    /// It is not paused any more.
    Resumed(Resumed),
    /// Why it is paused as before.
    Error(String),
}

/// What became of the pause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// What it was, if there was one.
    pub before: Option<PauseStatus>,
    /// Whether there was a file, which may have said nothing that could be understood.
    pub removed: bool,
}

/// Another pause or resume of the chain is in the way, because its disk hangs.
const TURN: &str = "another pause or resume of this chain is still under way; its disk may hang";

fn known(registry: &Registry, id: &str) -> Result<Arc<ChainEntry>, String> {
    let chains = registry.chains();
    let known = chains.iter().find(|chain| chain.id == id);
    let known = known.cloned();
    known.ok_or_else(|| "the service does not know this chain".to_owned())
}

/// What was before, where the watermark is at `last`.
fn shown(active: &ActivePause, last: Option<Hrs>) -> PauseStatus {
    let in_effect = active.is_in_effect(last.map(|last| last.height));
    let unsaved = active.unsaved.as_deref();
    PauseStatus::of(&active.pause, in_effect, unsaved, &SystemClock.now())
}

/// May wait for the chain's disk, and for the requests that it has in hand.
pub(super) fn pause(registry: &Registry, asked: &PauseAsked) -> PauseAnswer {
    try_pause(registry, asked).map_or_else(PauseAnswer::Error, |done| {
        PauseAnswer::Paused(Box::new(done))
    })
}

fn try_pause(registry: &Registry, asked: &PauseAsked) -> Result<PauseDone, String> {
    let entry = known(registry, &asked.chain)?;
    let id = &entry.id;
    let from = match asked.from.map(Height::new) {
        Some(None) => return Err("a height is at least 1".to_owned()),
        Some(some) => some,
        None => None,
    };
    let why = asked.why.as_deref().map(PauseWhy::new).transpose();
    let why = why.map_err(|error| error.to_string())?;
    let asked = SystemClock.now().wall;
    let done = entry
        .chain
        .pause(Pause { from, why, asked }, &entry.pause_file)
        .ok_or(TURN)?;
    let ActivePause {
        pause,
        unsaved,
        resume,
        ..
    } = &*done.change.now;
    let from = from.map(Height::get);
    let last = done.last.map(|last| last.to_string());
    warn!(
        event = "chain_paused",
        chain = id,
        from,
        last,
        "[{id}] paused {pause}; the watermark is at {}; `{resume}` ends that",
        last.as_deref().unwrap_or("nothing, or not known")
    );
    if let Some(unsaved) = unsaved {
        error!(
            event = "chain_pause_not_kept",
            chain = id,
            "[{id}] the pause is not kept over a restart: {unsaved}"
        );
    }
    Ok(PauseDone {
        before: done.change.before.map(|before| shown(&before, done.last)),
        now: entry.paused(&SystemClock.now()).unwrap_or_default(),
        last,
        height: done.last.map_or(0, |last| last.height.get()),
        in_hand: done.drained == Drained::No,
    })
}

/// May wait for the chain's disk.
pub(super) fn resume(registry: &Registry, chain: &str) -> ResumeAnswer {
    try_resume(registry, chain).map_or_else(ResumeAnswer::Error, ResumeAnswer::Resumed)
}

fn try_resume(registry: &Registry, chain: &str) -> Result<Resumed, String> {
    let entry = known(registry, chain)?;
    let id = &entry.id;
    let ended = entry.chain.resume(&entry.pause_file).ok_or(TURN)?;
    let ended = ended.map_err(|error| {
        format!("its file cannot be removed, so it is paused as before: {error}")
    })?;
    if let Some(ActivePause { pause, .. }) = ended.before.as_deref() {
        warn!(
            event = "chain_resumed",
            chain = id,
            "[{id}] resumed; it was paused {pause}"
        );
    }
    let last = entry.chain.last();
    Ok(Resumed {
        before: ended.before.map(|before| shown(&before, last)),
        removed: ended.removed,
    })
}

/// Asks the service that belongs to a configuration to pause a chain.
///
/// # Errors
/// No service answers there, or it answers what this program does not understand.
pub fn ask_to_pause(asked: PauseAsked, path: &Path) -> io::Result<PauseAnswer> {
    answer_to(&ControlQuestion::Pause(asked), path)
}

/// Asks it to sign for a chain again.
///
/// # Errors
/// As above.
pub fn ask_to_resume(chain: &str, path: &Path) -> io::Result<ResumeAnswer> {
    answer_to(&ControlQuestion::Resume(chain.to_owned()), path)
}
