//! The other side of the control socket: one question, one answer.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::observe::status::ServiceStatus;
use crate::os::unix_socket::connect;

use super::question::ControlQuestion;

/// How long the question may take to leave.
const SEND: Duration = Duration::from_secs(2);
/// How long the answer may take.
const WAIT: Duration = Duration::from_secs(10);
/// How long the answer to a reload may take: nodes are dialled and chains armed meanwhile.
pub(super) const WAIT_LONG: Duration = Duration::from_secs(60);
/// The longest answer in bytes: 1,000 chains with long troubles.
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;

/// Asks the service that belongs to a configuration what it does.
///
/// # Errors
/// No service answers there, or it answers what this program does not understand.
pub fn ask(path: &Path) -> io::Result<ServiceStatus> {
    let status: ServiceStatus = answer_to(&ControlQuestion::Status, path)?;
    Ok(status.judged())
}

/// Asks, and understands the answer. An error of the kind [`io::ErrorKind::UnexpectedEof`] says that a service was there and
/// ended.
pub(super) fn answer_to<T: DeserializeOwned>(
    question: &ControlQuestion,
    path: &Path,
) -> io::Result<T> {
    let stream = connect(path)?;
    let ended = || io::Error::new(ErrorKind::UnexpectedEof, "it ended before it had answered");
    let text = talk(stream, question).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => ended(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            io::Error::new(ErrorKind::TimedOut, "it did not answer in time")
        }
        _ => error,
    })?;
    serde_json::from_slice(&text).map_err(|error| match error.is_eof() {
        true => ended(),
        false => io::Error::new(
            ErrorKind::InvalidData,
            "it has another version than this command; restart it",
        ),
    })
}

/// The answer as it came.
fn talk(mut stream: UnixStream, question: &ControlQuestion) -> io::Result<Vec<u8>> {
    let wait = match question {
        ControlQuestion::Reload(_) | ControlQuestion::MoveOut(_) | ControlQuestion::MoveIn(_) => {
            WAIT_LONG
        }
        ControlQuestion::Status
        | ControlQuestion::Acknowledge(_)
        | ControlQuestion::Pause(_)
        | ControlQuestion::Resume(_) => WAIT,
    };
    stream.set_read_timeout(Some(wait))?;
    stream.set_write_timeout(Some(SEND))?;
    stream.write_all(question.line().as_bytes())?;
    let mut text = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut text)?;
    Ok(text)
}
