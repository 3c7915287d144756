//! The control socket: tells what the service does to whoever may open its socket, its own user.
//!
//! On a thread of its own; one question a connection. Nothing here can change anything.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::config::Config;
use crate::observe::status::Status;
use crate::os::unix_socket::{OwnedListener, connect};

use super::known::Known;

/// How long one question and its answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest question in bytes.
const LONGEST: usize = 64;
/// The longest answer in bytes: 1,000 chains with long troubles.
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;

/// Begins to answer. Without a socket the service signs all the same, so trouble is a warning.
pub(super) fn serve(config: &Config, known: Arc<Known>) -> Option<OwnedListener> {
    let path = &config.control;
    let told = |error: io::Error| {
        warn!(
            event = "no_status",
            "`tmkms status` cannot be answered at {}: {error}; name a path that this user may create in `control_socket`",
            path.display()
        );
    };
    let owned = OwnedListener::bind(path).map_err(told).ok()?;
    let listener = owned.listener.try_clone().map_err(told).ok()?;
    std::thread::Builder::new()
        .name("control".to_owned())
        .stack_size(super::STACK)
        .spawn(move || {
            for stream in listener.incoming() {
                match stream {
                    // Whoever asks and goes away is no matter of ours.
                    Ok(stream) => drop(answer(stream, &known)),
                    // Too many open files, for instance: it passes, and must not become a busy loop.
                    Err(_) => std::thread::sleep(Duration::from_millis(100)),
                }
            }
        })
        .map_err(told)
        .ok()?;
    Some(owned)
}

fn answer(mut stream: UnixStream, known: &Known) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = Vec::new();
    let mut byte = [0];
    while question.len() < LONGEST && stream.read(&mut byte)? == 1 && byte != *b"\n" {
        question.extend_from_slice(&byte);
    }
    let text = match question.as_slice() {
        b"status" => serde_json::to_vec(&known.status())?,
        _ => br#"{"error":"the only question is `status`"}"#.to_vec(),
    };
    stream.write_all(&text)
}

/// Asks the service that belongs to a configuration.
pub fn ask(path: &Path) -> io::Result<Status> {
    let mut stream = connect(path)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"status\n")?;
    let mut text = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
