//! Texts that a stranger had a hand in, short enough to be kept, logged and shown.
//!
//! A node, a device, a connector or a file may send as much as its frame allows. What of it is shown is its beginning and
//! its length, so that no log line, no status and no memory grows with it.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// How many bytes of what was sent are shown.
const SHOWN: usize = 50;

/// The beginning of what a stranger sent, and how long the whole was. Displayed in quotes, on one line, with escapes for
/// what a terminal would obey: in at most 600 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    begin: Box<str>,
    /// Of the whole, in bytes.
    bytes: usize,
}

impl Excerpt {
    /// Of any bytes; what is not UTF-8 is replaced.
    pub fn of(bytes: &[u8]) -> Self {
        let begin = bytes.get(..SHOWN).unwrap_or(bytes);
        Self {
            begin: String::from_utf8_lossy(begin).into(),
            bytes: bytes.len(),
        }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.begin)?;
        match self.bytes > SHOWN {
            true => write!(f, " (the first {SHOWN} of {} bytes)", self.bytes),
            false => Ok(()),
        }
    }
}

/// The text, or its beginning of at most `limit` bytes and a word about the rest.
pub fn brief(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let begin = text
        .get(..text.floor_char_boundary(limit))
        .unwrap_or_default();
    Cow::Owned(format!("{begin}... ({} bytes in all)", text.len()))
}

/// As [`brief`], of what is still to be written out: no more than `limit` bytes of it are ever held.
pub fn brief_of(what: fmt::Arguments<'_>, limit: usize) -> String {
    let mut text = Bounded {
        text: String::new(),
        limit,
        bytes: 0,
    };
    // Writing into it cannot fail; a value that fails to describe itself has said so much, and no more.
    let _ = text.write_fmt(what);
    if text.bytes > limit {
        let _ = write!(text.text, "... ({} bytes in all)", text.bytes);
    }
    text.text
}

/// Lines for a terminal, which would obey control characters; ends of lines and tabs stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |char: char| char.is_control() && char != '\n' && char != '\t';
    match text.contains(obeyed) {
        true => Cow::Owned(text.replace(obeyed, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

struct Bounded {
    text: String,
    limit: usize,
    bytes: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        // Once something was left out, nothing that follows belongs to the beginning.
        if self.bytes <= self.limit {
            let room = part.floor_char_boundary(self.limit - self.bytes);
            self.text.push_str(part.get(..room).unwrap_or_default());
        }
        self.bytes = self.bytes.saturating_add(part.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mebibyte_is_shown_as_its_beginning() {
        for byte in [b'a', 0x1b, 0xff, b'\n'] {
            let shown = Excerpt::of(&vec![byte; 1 << 20]).to_string();
            assert!(shown.len() <= 600, "{}", shown.len());
            assert!(shown.ends_with("(the first 50 of 1048576 bytes)"));
            assert!(!shown.chars().any(char::is_control), "{shown}");
        }
        assert_eq!(Excerpt::of(b"chain-1").to_string(), "\"chain-1\"");
        assert_eq!(Excerpt::of(b"").to_string(), "\"\"");
        // Cut in the middle of a character.
        let shown = Excerpt::of("€".repeat(20).as_bytes()).to_string();
        assert!(
            shown.starts_with("\"€€") && shown.contains("of 60 bytes"),
            "{shown}"
        );
    }

    #[test]
    fn a_terminal_is_told_nothing() {
        assert_eq!(printable("a\n\tb\u{fe}"), "a\n\tb\u{fe}");
        assert_eq!(
            printable("\u{1b}[2J\r\u{9b}\u{7f}"),
            "\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn what_is_short_stays_and_what_is_long_is_cut() {
        assert_eq!(brief("short", 5), "short");
        assert_eq!(brief("longer", 5), "longe... (6 bytes in all)");
        assert_eq!(brief("€€", 4), "€... (6 bytes in all)");
        for text in ["", "short", "longer", "€€€€", "a€"] {
            for limit in 0..9 {
                let (one, two) = text.split_at(text.floor_char_boundary(1));
                let whole = brief(text, limit);
                assert_eq!(brief_of(format_args!("{text}"), limit), whole);
                let parts = brief_of(format_args!("{one}{two}"), limit);
                assert_eq!(parts, whole, "{text} {limit}");
            }
        }
    }
}
