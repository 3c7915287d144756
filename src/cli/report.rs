//! What a command ends with: an exit code, and for a failure `error:` and `hint:` lines.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::text::excerpt::printable;

use super::color::{self, Tone, paint};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done,
    /// It did not, for something outside of the configuration.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// A check of `tmkms harness` failed; each has its own code, from 10 on.
    Check(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Check(code) => code,
        })
    }
}

/// A failure, as the operator sees it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: String,
    hint: Option<String>,
    /// The operator has read it already.
    told: bool,
}

impl Failure {
    /// Something outside of the configuration went wrong.
    pub fn new(what: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Failed,
            what: what.to_string(),
            hint: None,
            told: false,
        }
    }

    /// What the log has said.
    pub fn told(exit: Exit, what: impl fmt::Display) -> Self {
        Self {
            exit,
            told: true,
            ..Self::new(what)
        }
    }

    /// The command line or the configuration is wrong.
    pub fn usage(what: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::new(what)
        }
    }

    /// A check of `tmkms harness` failed.
    pub fn check(code: u8, what: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Check(code),
            ..Self::new(what)
        }
    }

    /// The same, for a service manager to try again.
    pub fn may_heal(self) -> Self {
        Self {
            exit: Exit::Failed,
            ..self
        }
    }

    /// What to do about it.
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Self {
            hint: Some(hint.to_string()),
            ..self
        }
    }

    /// Prints it to standard error and gives the exit code.
    pub fn print(&self) -> Exit {
        if self.told {
            return self.exit;
        }
        let mut err = io::stderr();
        let color = color::on_stderr();
        let lead = |word, tone| paint(word, tone, color);
        // Rendered diagnostics bring their own `error:`.
        let what = self.what.strip_prefix("error:").unwrap_or(&self.what);
        let what = what.strip_prefix(' ').unwrap_or(what);
        let error = lead("error:", Tone::Wrong);
        // A node, a device or a file may have had a word in any of these.
        let _ = writeln!(err, "{error} {}", printable(what));
        if let Some(hint) = &self.hint {
            let _ = writeln!(err, "{} {}", lead("hint:", Tone::Said), printable(hint));
        }
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Writes data to standard output. A closed pipe is no failure: the reader has what it wanted.
pub fn output(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(format!(
            "standard output cannot be written: {error}"
        ))),
        Ok(()) => Ok(()),
    }
}

/// A status line on standard error: the verb to the right of twelve columns.
pub fn status(verb: &str, text: impl fmt::Display) {
    let text = text.to_string();
    let color = color::on_stderr();
    let verb = paint(&format!("{verb:>12}"), Tone::of(verb), color);
    let _ = writeln!(io::stderr(), "{verb} {}", printable(&text));
}

/// Rows in columns, the first row in capitals. Cells are as wide as the widest of their column.
pub fn columns(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(at) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            let pad = width.saturating_sub(cell.chars().count());
            line.push_str(&" ".repeat(pad + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
