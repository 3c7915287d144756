//! Words to and from the person at the keyboard, behind a trait, so that a script can play the person in tests.
//!
//! Secrets are shown on the terminal's second screen only, which leaves nothing behind in its history, and typed without
//! being shown. A signal puts the first screen and the echo back before it ends the process.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use zeroize::Zeroizing;

use crate::threads::{STACK, spawn};

/// To the second screen, cleared, with the cursor at its top.
const PRIVATE: &str = "\x1b[?1049h\x1b[2J\x1b[H";
/// Clears the second screen and goes back to the first.
const PUBLIC: &str = "\x1b[2J\x1b[H\x1b[?1049l";
/// The longest line that is read, in bytes.
const LONGEST: usize = 4096;

/// A conversation. What a conversation without secrets does not need may be left unsupported.
pub trait Terminal {
    /// Whether there is a person to ask.
    fn is_interactive(&self) -> bool;
    /// Says something.
    fn say(&mut self, text: &str) -> io::Result<()>;
    /// Asks for a yes. End of input is no.
    fn confirm(&mut self, question: &str) -> io::Result<bool>;
    /// Asks for a line. `None` at the end of input.
    fn ask(&mut self, question: &str) -> io::Result<Option<Zeroizing<String>>> {
        let _ = question;
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Asks for a line that is not shown while it is typed. `None` at the end of input.
    fn ask_secret(&mut self, question: &str) -> io::Result<Option<Zeroizing<String>>> {
        let _ = question;
        Err(io::ErrorKind::Unsupported.into())
    }
    /// From now on all is on the private screen, which begins empty each time.
    fn open_private(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Wipes the private screen and goes back.
    fn close_private(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Does something on the private screen, which is left again whatever happens.
pub fn privately<T, E: From<io::Error>>(
    terminal: &mut dyn Terminal,
    what: impl FnOnce(&mut dyn Terminal) -> Result<T, E>,
) -> Result<T, E> {
    terminal.open_private()?;
    let result = what(terminal);
    terminal.close_private()?;
    result
}

/// Standard input and standard error.
#[derive(Debug, Default)]
pub struct Console;

impl Terminal for Console {
    /// Both ways: what is said must be seen, and must not go into somebody's file.
    fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{text}")
    }

    fn confirm(&mut self, question: &str) -> io::Result<bool> {
        let answer = self.ask(&format!("{question} [y/N]"))?;
        let answer = answer.unwrap_or_default();
        Ok(matches!(
            answer.trim().to_ascii_lowercase().as_str(),
            "y" | "yes"
        ))
    }

    fn ask(&mut self, question: &str) -> io::Result<Option<Zeroizing<String>>> {
        let mut err = io::stderr();
        write!(err, "{question} ")?;
        err.flush()?;
        read_line()
    }

    fn ask_secret(&mut self, question: &str) -> io::Result<Option<Zeroizing<String>>> {
        let Ok(before) = termios::tcgetattr(io::stdin()) else {
            // A pipe needs no question.
            return read_line();
        };
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        let answer = self.ask(question);
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &before)?;
        answer
    }

    fn open_private(&mut self) -> io::Result<()> {
        switch(PRIVATE)
    }

    fn close_private(&mut self) -> io::Result<()> {
        switch(PUBLIC)
    }
}

fn switch(sequence: &str) -> io::Result<()> {
    let mut err = io::stderr();
    if err.is_terminal() {
        err.write_all(sequence.as_bytes())?;
        err.flush()?;
    }
    Ok(())
}

/// Byte by byte from the descriptor: the standard library's buffer would keep a copy of what was typed.
fn read_line() -> io::Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        let mut byte = Zeroizing::new([0]);
        let count = match rustix::io::read(io::stdin(), &mut *byte) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        match *byte {
            _ if count == 0 && line.is_empty() => return Ok(None),
            _ if count == 0 => break,
            [b'\n'] => break,
            [_] if line.len() == LONGEST => {
                return Err(io::Error::other("a line of more than 4096 bytes"));
            }
            [other] => line.push(other),
        }
    }
    let text = str::from_utf8(&line).map_err(|_| io::Error::other("what was typed is not text"))?;
    Ok(Some(Zeroizing::new(text.trim().to_owned())))
}

/// A file that nobody wants any more when a signal ends the process.
pub type RemoveOnSignal = Arc<Mutex<Option<PathBuf>>>;

/// While it lives, a signal that ends the process puts the terminal back and removes the waste first.
pub struct Guard {
    signals: Handle,
    /// What to remove.
    pub waste: RemoveOnSignal,
}

impl Guard {
    /// Begins to watch.
    pub fn new() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin()).ok();
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
        let handle = signals.handle();
        let waste = RemoveOnSignal::default();
        let removed = waste.clone();
        spawn("terminal", STACK, move || {
            if let Some(signal) = signals.forever().next() {
                restore(before.as_ref());
                let unproven = removed.lock().take();
                if let Some(path) = unproven {
                    let _ = std::fs::remove_file(path);
                }
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        })?;
        Ok(Self {
            signals: handle,
            waste,
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.signals.close();
    }
}

fn restore(before: Option<&Termios>) {
    let _ = switch(PUBLIC);
    if let Some(before) = before {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before);
    }
}
