//! Words to and from the person at the keyboard, behind a trait, so that a script can play the person in tests.

use std::io::{self, BufRead, IsTerminal, Write};

/// A conversation.
pub trait Terminal {
    /// Whether there is a person to ask.
    fn is_interactive(&self) -> bool;
    /// Says something.
    fn say(&mut self, text: &str) -> io::Result<()>;
    /// Asks for a yes. End of input is no.
    fn confirm(&mut self, question: &str) -> io::Result<bool>;
}

/// Standard input and standard error.
#[derive(Debug, Default)]
pub struct Console;

impl Terminal for Console {
    fn is_interactive(&self) -> bool {
        io::stdin().is_terminal()
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{text}")
    }

    fn confirm(&mut self, question: &str) -> io::Result<bool> {
        let mut err = io::stderr();
        write!(err, "{question} [y/N] ")?;
        err.flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(matches!(
            line.trim().to_ascii_lowercase().as_str(),
            "y" | "yes"
        ))
    }
}
