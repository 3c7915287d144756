//! What an operator asks for: from which height on nothing is signed, and why.

use std::fmt;
use std::time::Duration;

use crate::consensus::Height;

/// The longest reason in bytes.
const LONGEST_WHY: usize = 400;

/// Nothing is signed, at all or from a height on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The lowest height that is not signed; `None` where nothing is.
    pub from: Option<Height>,
    /// What the operator wrote about it.
    pub why: Option<PauseWhy>,
    /// When it was asked for: time since 1970-01-01 UTC.
    pub asked: Duration,
}

impl Pause {
    /// Whether it forbids to sign at this height.
    pub fn forbids(&self, height: Height) -> bool {
        self.from.is_none_or(|from| height >= from)
    }

    /// The last height that it leaves, where it leaves one.
    pub fn last_height(&self) -> Option<Height> {
        Height::new(self.from?.get().saturating_sub(1))
    }

    /// Whether nothing is left that it does not forbid, where `last` is the height of the watermark: a chain goes up.
    pub fn leaves_nothing_after(&self, last: Option<Height>) -> bool {
        match self.last_height() {
            Some(left) => last.is_some_and(|last| last >= left),
            None => true,
        }
    }
}

/// `from height 7 on (moving to another host)`, or `altogether`.
impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from {
            Some(from) => write!(f, "from height {from} on")?,
            None => f.write_str("altogether")?,
        }
        match &self.why {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

/// Why an operator pauses a chain: one line of at most 400 bytes. It is shown in the log, to the nodes and on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseWhy(String);

/// A reason that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalWhy {
    /// Nothing but blanks.
    #[error("a reason has at least one letter")]
    Empty,
    /// Too long to be shown everywhere.
    #[error("a reason has at most {LONGEST_WHY} bytes, and this one has {0}")]
    TooLong(usize),
}

impl PauseWhy {
    /// The text, with control characters escaped: `\n` is shown as a backslash and an `n`.
    ///
    /// # Errors
    /// [`IllegalWhy`].
    pub fn new(text: &str) -> Result<Self, IllegalWhy> {
        let text = text.trim();
        if text.is_empty() {
            return Err(IllegalWhy::Empty);
        }
        let mut shown = String::new();
        for char in text.chars() {
            match is_obeyed(char) {
                true => shown.extend(char.escape_default()),
                false => shown.push(char),
            }
        }
        // What is typed and what is kept: escapes are longer than what they stand for.
        match text.len().max(shown.len()) {
            long if long > LONGEST_WHY => Err(IllegalWhy::TooLong(long)),
            _ => Ok(Self(shown)),
        }
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PauseWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a terminal would obey, or what turns the direction of a line.
fn is_obeyed(char: char) -> bool {
    let turns =
        matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn height(height: i64) -> Height {
        Height::new(height).unwrap()
    }

    fn from(from: Option<i64>) -> Pause {
        Pause {
            from: from.map(height),
            why: None,
            asked: Duration::ZERO,
        }
    }

    #[test]
    fn the_last_height_that_is_signed_is_the_one_below() {
        let at_seven = from(Some(7));
        assert!(!at_seven.forbids(height(6)));
        for above in [7, 8, i64::MAX] {
            assert!(at_seven.forbids(height(above)), "{above}");
        }
        assert_eq!(at_seven.last_height(), Height::new(6));
        for (last, done) in [
            (None, false),
            (Some(5), false),
            (Some(6), true),
            (Some(9), true),
        ] {
            let last = last.map(height);
            assert_eq!(at_seven.leaves_nothing_after(last), done, "{last:?}");
        }
        // Height 1 is the first, so from there on is altogether.
        for all in [from(None), from(Some(1))] {
            assert!(all.forbids(height(1)) && all.forbids(height(i64::MAX)));
            assert_eq!(all.last_height(), None);
            assert!(all.leaves_nothing_after(None));
        }
        assert!(!from(Some(i64::MAX)).forbids(height(i64::MAX - 1)));
    }

    #[test]
    fn a_reason_is_one_short_line_that_no_terminal_obeys() {
        let shown = |text: &str| PauseWhy::new(text).map(|why| why.to_string());
        assert_eq!(shown(" moving, höher \t").unwrap(), "moving, höher");
        assert_eq!(shown("a\nb\u{1b}[2J\r").unwrap(), "a\\nb\\u{1b}[2J");
        assert_eq!(shown("a\u{202e}b").unwrap(), "a\\u{202e}b");
        assert_eq!(shown(&"x".repeat(400)).unwrap().len(), 400);
        assert_eq!(shown(&"x".repeat(10_240)), Err(IllegalWhy::TooLong(10_240)));
        assert_eq!(shown(&"a\u{1b}".repeat(100)), Err(IllegalWhy::TooLong(700)));
        for empty in ["", " ", "\n\t"] {
            assert_eq!(shown(empty), Err(IllegalWhy::Empty), "{empty:?}");
        }
        // What was shown once is shown the same again.
        let once = shown("a\u{7}b").unwrap();
        assert_eq!(shown(&once), Ok(once));
    }
}
