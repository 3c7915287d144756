//! The question `reload`: the configuration is read again.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::threads::{ReloadAnswer, Reloads, STACK, spawn};

use super::client::{WAIT_LONG, answer_to};
use super::question::ControlQuestion;

/// Answers on a thread of its own; how many wait is bounded by [`Reloads`].
pub(super) fn beside(mut stream: UnixStream, reloads: Reloads) -> io::Result<()> {
    let thread = spawn("reload-ask", STACK, move || {
        let answer = reloads.ask(WAIT_LONG);
        // A client that is gone does not matter.
        let _ = serde_json::to_vec(&answer)
            .map_err(io::Error::from)
            .and_then(|text| stream.write_all(&text));
    });
    thread.map(drop)
}

/// Tells the service at this socket to read its configuration again, and waits for what becomes of it.
///
/// # Errors
/// No service answers there, or it answers what this program does not understand.
pub fn tell_reload(path: &Path) -> io::Result<ReloadAnswer> {
    Ok(serde_json::from_slice(&answer_to(
        &ControlQuestion::Reload,
        path,
    )?)?)
}
