//! A program of the operator's, run for what it prints: within a time and a size. When the time is over it is killed with all that it
//! has begun.

use std::fmt;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::text::excerpt::Excerpt;

/// How much a program may print to each of its outputs, in bytes.
const MOST: usize = 64 * 1024;
/// How often a program that has closed its outputs is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Why a program gave no output.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no program.
    #[error("there is no program to run")]
    NoProgram,
    /// It could not be begun.
    #[error("it cannot be run: {0}")]
    NotBegun(#[source] io::Error),
    /// The system failed while it ran.
    #[error("it was lost: {0}")]
    Lost(#[source] io::Error),
    /// It had not ended in time, and was killed with all that it had begun.
    #[error("it had not ended after {} s and was killed", .0.as_secs())]
    TimedOut(Duration),
    /// It printed too much, and was killed.
    #[error("it printed more than {} KiB", MOST / 1024)]
    TooMuch,
    /// It said that it failed.
    #[error("it ended with {status}{said}")]
    Failed {
        /// Its exit status.
        status: ExitStatus,
        /// What it printed to standard error.
        said: Said,
    },
}

/// What a program printed to standard error, if anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said(Option<Excerpt>);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(said) => write!(f, ", and said {said}"),
            None => Ok(()),
        }
    }
}

/// Runs a program, its name or path first, in a process group of its own and without standard input, and gives what it
/// printed to standard output.
///
/// # Errors
/// See [`RunError`]. One that is late, or prints too much, is killed with its group; what one that has ended left in the background goes on.
pub fn run(command: &[String], time: Duration) -> Result<Vec<u8>, RunError> {
    let (program, arguments) = command.split_first().ok_or(RunError::NoProgram)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(RunError::NotBegun)?;
    let found = watch(&mut child, time);
    if found.is_err() {
        end(&mut child);
    }
    found
}

/// Kills the program with its group, and reaps it.
fn end(child: &mut Child) {
    // One that has ended has given its number back.
    if matches!(child.try_wait(), Ok(None))
        && let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

fn watch(child: &mut Child, time: Duration) -> Result<Vec<u8>, RunError> {
    let until = Instant::now() + time;
    let mut out = Pipe::of(child.stdout.take());
    let mut err = Pipe::of(child.stderr.take());
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(RunError::TimedOut(time));
        }
        // What it has begun in the background may keep the outputs open.
        if let Some(status) = child.try_wait().map_err(RunError::Lost)? {
            out.drain()?;
            err.drain()?;
            return match status.success() {
                true => Ok(out.bytes),
                false => Err(RunError::Failed {
                    status,
                    said: Said(
                        (!err.bytes.is_empty()).then(|| Excerpt::of(err.bytes.trim_ascii())),
                    ),
                }),
            };
        }
        wait(&out, &err, left.min(LOOK))?;
        out.drain()?;
        err.drain()?;
    }
}

/// Waits until there is something to read, for at most `time`.
fn wait(out: &Pipe<impl AsFd>, err: &Pipe<impl AsFd>, time: Duration) -> Result<(), RunError> {
    let open: Vec<BorrowedFd<'_>> = [out.descriptor(), err.descriptor()]
        .into_iter()
        .flatten()
        .collect();
    if open.is_empty() {
        std::thread::sleep(time);
        return Ok(());
    }
    let mut waited: Vec<PollFd<'_>> = open
        .iter()
        .map(|descriptor| PollFd::new(descriptor, PollFlags::IN))
        .collect();
    let time = Timespec::try_from(time).unwrap_or_default();
    match poll(&mut waited, Some(&time)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(RunError::Lost(error.into())),
    }
}

/// One output of a program, read without waiting.
struct Pipe<P> {
    /// `None` after its end.
    pipe: Option<P>,
    bytes: Vec<u8>,
}

impl<P: Read + AsFd> Pipe<P> {
    fn of(pipe: Option<P>) -> Self {
        Self {
            pipe,
            bytes: Vec::new(),
        }
    }

    fn drain(&mut self) -> Result<(), RunError> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(());
        };
        rustix::io::ioctl_fionbio(&*pipe, true).map_err(|error| RunError::Lost(error.into()))?;
        let mut buffer = [0; 4096];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => {
                    self.pipe = None;
                    return Ok(());
                }
                Ok(count) => {
                    let read = buffer.get(..count).unwrap_or_default();
                    self.bytes.extend_from_slice(read);
                    if self.bytes.len() > MOST {
                        return Err(RunError::TooMuch);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(RunError::Lost(error)),
            }
        }
    }
}

impl<P: AsFd> Pipe<P> {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, time: Duration) -> Result<String, RunError> {
        let command = ["sh", "-c", script].map(str::to_owned);
        run(&command, time).map(|out| String::from_utf8(out).unwrap())
    }

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(300);

    #[test]
    fn what_it_prints_is_given_and_why_it_failed_is_told() {
        assert_eq!(shell("echo 7; echo no >&2", LONG).unwrap(), "7\n");
        assert_eq!(shell("exec >&-; sleep 0.1", LONG).unwrap(), "");
        let told = shell("echo 7; echo 'no node' >&2; exit 3", LONG).unwrap_err();
        assert_eq!(
            told.to_string(),
            "it ended with exit status: 3, and said \"no node\""
        );
        assert!(matches!(
            run(&["/nowhere/program".to_owned()], LONG),
            Err(RunError::NotBegun(_))
        ));
        assert!(matches!(run(&[], LONG), Err(RunError::NoProgram)));
    }

    #[test]
    fn what_prints_without_end_or_does_not_end_is_killed_with_all_it_began() {
        assert!(matches!(shell("yes", LONG), Err(RunError::TooMuch)));
        assert!(matches!(shell("yes >&2", LONG), Err(RunError::TooMuch)));
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!("(sleep 1; touch {}) & sleep 30", mark.display());
        let began = Instant::now();
        let late = shell(&script, SHORT).unwrap_err();
        assert!(matches!(late, RunError::TimedOut(_)), "{late}");
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!mark.exists(), "what it began went on");
    }

    #[test]
    fn what_goes_on_in_the_background_is_not_waited_for() {
        let began = Instant::now();
        assert_eq!(shell("sleep 5 & echo 7", LONG).unwrap(), "7\n");
        assert!(began.elapsed() < Duration::from_secs(4));
    }
}
