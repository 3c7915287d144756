//! A chain whose service does not run is paused by its file.

use std::io;
use std::path::Path;

use crate::cli::report::Failure;
use crate::config::{ChainConfig, Config};
use crate::consensus::Hrs;
use crate::gate::pause::PauseFile;
use crate::gate::store::file::{FileStore, Newest, newest};
use crate::gate::used_up::UsedUp;
use crate::migrate::foreign::LONGEST;
use crate::os::files::bounded;

/// Whether nobody listens at the control socket. Any other failure says nothing of what a service has done.
pub(super) fn is_nobody_there(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused)
}

/// The service was reached, or may have been, and there is no answer.
pub(super) fn no_answer(config: &Config, chain: &ChainConfig, error: &io::Error) -> Failure {
    let (id, path) = (&chain.id, config.control.display());
    Failure::new(format!(
        "chain {id}: no answer from the service at {path} ({error}), so whether anything was changed is not known"
    ))
    .hint(format!(
        "`{}` tells it; ask as the user of the service",
        config.commands.line(["status"])
    ))
}

/// Whether no process that cannot be told signs for the chain.
pub(super) fn is_free(config: &Config, chain: &ChainConfig) -> Result<(), Failure> {
    let states = chain.keys().flat_map(|key| key.state_file.candidates());
    let free = states.map(|state| FileStore::is_free(&state));
    free.collect::<Result<(), _>>().map_err(|held| {
        Failure::new(format!(
            "chain {}: nothing was changed: {held}, and nobody answers at {}",
            chain.id,
            config.control.display()
        ))
        .hint("use the configuration file of that process; or stop it, and repeat the command before it is started again")
    })
}

/// Where the chain's watermark is, as far as the state files of its keys say.
pub(super) fn last_of(chain: &ChainConfig) -> Option<Hrs> {
    let last = chain.keys().filter_map(|key| {
        let begins = key.activation_height;
        let states = key.state_file.candidates().into_iter();
        let last = states.filter_map(|state| last_in(&state)).max()?;
        // One that has not begun says nothing of the chain.
        begins
            .is_none_or(|begins| last.height >= begins)
            .then_some(last)
    });
    last.max()
}

fn last_in(state: &Path) -> Option<Hrs> {
    let bytes = bounded::read(state, LONGEST).ok()?;
    match newest(&bytes) {
        Newest::Good(entry, damage) => {
            let used_up = UsedUp::of(&entry.record, damage.is_some());
            used_up.watermark().hrs()
        }
        _ => None,
    }
}

/// What to do where the file cannot be changed.
pub(super) fn why_not_changed(file: &PauseFile) -> String {
    match file.read() {
        Err(error) => error.to_string(),
        Ok(_) => "run it as the user of the service, with room on the disk of the state".to_owned(),
    }
}
