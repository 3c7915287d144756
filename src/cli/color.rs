//! Colour for our own words, where a person reads them on a terminal. What scripts and files get has none.

use std::ffi::OsStr;
use std::io::IsTerminal;

/// How a word is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It was done.
    Done,
    /// It is said, and nothing came of it.
    Said,
    /// Somebody should read it.
    Careful,
    /// It went wrong.
    Wrong,
}

impl Tone {
    /// Of the verb of a status line.
    pub fn of(verb: &str) -> Self {
        match verb {
            "Problem" | "Failed" => Self::Wrong,
            "Warning" | "Careful" | "Unseen" | "Running" | "Remember" => Self::Careful,
            "" | "Note" | "Next" | "Kept" | "Nothing" | "Skipped" | "Read" => Self::Said,
            _ => Self::Done,
        }
    }

    /// Select Graphic Rendition of ECMA-48.
    fn code(self) -> &'static str {
        match self {
            Self::Done => "1;32",
            Self::Said => "1;36",
            Self::Careful => "1;33",
            Self::Wrong => "1;31",
        }
    }
}

/// A word in its colour, or as it is.
pub fn paint(word: &str, tone: Tone, color: bool) -> String {
    match color && !word.trim().is_empty() {
        true => format!("\x1b[{}m{word}\x1b[0m", tone.code()),
        false => word.to_owned(),
    }
}

/// Whether standard error is a terminal that shows colour, and nobody wants it without.
pub fn on_stderr() -> bool {
    let variable = |name| std::env::var_os(name);
    std::io::stderr().is_terminal()
        && wanted(variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
}

/// `NO_COLOR` as <https://no-color.org> has it: set, and to something.
fn wanted(no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty)
        && term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_have_it() {
        let wanted = |no_color: Option<&'static str>, term: Option<&'static str>| {
            super::wanted(no_color.map(OsStr::new), term.map(OsStr::new))
        };
        assert!(wanted(None, Some("xterm")));
        assert!(wanted(Some(""), Some("linux")), "set to nothing");
        for (no_color, term) in [
            (Some("1"), Some("xterm")),
            (Some("0"), Some("xterm")),
            (None, Some("dumb")),
            (None, Some("")),
            (None, None),
        ] {
            assert!(!wanted(no_color, term), "{no_color:?} {term:?}");
        }
    }

    #[test]
    fn a_word_is_painted_or_left_alone() {
        assert_eq!(
            paint("error:", Tone::Wrong, true),
            "\x1b[1;31merror:\x1b[0m"
        );
        assert_eq!(paint("error:", Tone::Wrong, false), "error:");
        assert_eq!(paint("    ", Tone::Said, true), "    ");
        assert_eq!(Tone::of("Problem"), Tone::Wrong);
        assert_eq!(Tone::of("Warning"), Tone::Careful);
        assert_eq!(Tone::of("Created"), Tone::Done);
    }
}
