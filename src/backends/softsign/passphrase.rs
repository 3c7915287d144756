//! The passphrase of an encrypted key file.

use std::fmt;

use zeroize::Zeroizing;

use crate::secret_file::{self, SecretFileError, SecretSource};

/// The longest that OpenSSL takes, in bytes (`PEM_BUFSIZE`).
const LONGEST: usize = 1024;
/// The shortest that a key is encrypted with, in characters.
const SHORTEST: usize = 8;
/// What editors of Windows put before a text.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// A passphrase: text of one line. Wiped when dropped, and never shown.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// Why bytes are no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum NotAPassphrase {
    /// There is none where it should be.
    #[error("{0}")]
    Unread(SecretFileError),
    /// Nothing but a line end.
    #[error("it is empty")]
    Empty,
    /// More than one line.
    #[error("it has several lines, and a passphrase has one")]
    Lines,
    /// Bytes that nobody can type.
    #[error("it is not text in UTF-8 without control characters")]
    NotText,
    /// Seen by nobody, and part of what is encrypted with.
    #[error(
        "it begins with a byte order mark, which no editor shows; save it as plain text without one"
    )]
    Mark,
    /// Longer than OpenSSL takes.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// Tried out in no time; only where a key is encrypted.
    #[error("it is shorter than {SHORTEST} characters")]
    TooShort,
    /// Lost where it is typed; only where a key is encrypted.
    #[error("it begins or ends with a space, which is lost where it is typed")]
    Space,
}

impl Passphrase {
    /// What is in a file, a variable or a credential, without the line end; the text is a warning about the file.
    pub fn read(source: &SecretSource) -> Result<(Self, Option<String>), NotAPassphrase> {
        let secret = secret_file::read(source).map_err(NotAPassphrase::Unread)?;
        Ok((Self::of(&secret.bytes)?, secret.warning))
    }

    /// As it was typed, or as it is in a file.
    pub fn of(bytes: &[u8]) -> Result<Self, NotAPassphrase> {
        let ends = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let end = bytes
            .iter()
            .rposition(|byte| !ends(byte))
            .map_or(0, |last| last + 1);
        let bytes = bytes.get(..end).unwrap_or_default();
        if bytes.starts_with(BYTE_ORDER_MARK) {
            return Err(NotAPassphrase::Mark);
        }
        if bytes.len() > LONGEST {
            return Err(NotAPassphrase::TooLong);
        }
        if bytes.is_empty() {
            return Err(NotAPassphrase::Empty);
        }
        if bytes.iter().any(ends) {
            return Err(NotAPassphrase::Lines);
        }
        match str::from_utf8(bytes) {
            Ok(text) if !text.contains(char::is_control) => {
                Ok(Self(Zeroizing::new(bytes.to_vec())))
            }
            _ => Err(NotAPassphrase::NotText),
        }
    }

    /// Refuses one with which nothing should be encrypted.
    pub fn fit_to_encrypt(self) -> Result<Self, NotAPassphrase> {
        let text = str::from_utf8(&self.0).unwrap_or_default();
        if text.trim() != text {
            return Err(NotAPassphrase::Space);
        }
        if text.chars().count() < SHORTEST {
            return Err(NotAPassphrase::TooShort);
        }
        Ok(self)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> String {
        match Passphrase::of(bytes).and_then(Passphrase::fit_to_encrypt) {
            Ok(good) => String::from_utf8(good.0.to_vec()).unwrap(),
            Err(error) => format!("{error}"),
        }
    }

    #[test]
    fn a_passphrase_is_one_line_of_text() {
        for (bytes, wanted) in [
            (&b"correct horse"[..], "correct horse"),
            (b"correct horse\n", "correct horse"),
            (b"correct horse\r\n", "correct horse"),
            ("pässphräse\n".as_bytes(), "pässphräse"),
            (b"", "it is empty"),
            (b"\n", "it is empty"),
            (b"\r\n\n", "it is empty"),
            (
                b"two\nlines",
                "it has several lines, and a passphrase has one",
            ),
            (
                b"nul\0nul",
                "it is not text in UTF-8 without control characters",
            ),
            (
                b"\xff\xfe12345678",
                "it is not text in UTF-8 without control characters",
            ),
            (
                b"       ",
                "it begins or ends with a space, which is lost where it is typed",
            ),
            (
                b" correct horse",
                "it begins or ends with a space, which is lost where it is typed",
            ),
            (b"1234567", "it is shorter than 8 characters"),
        ] {
            assert_eq!(said(bytes), wanted, "{bytes:?}");
        }
        assert!(said(b"\xef\xbb\xbfcorrect horse").contains("byte order mark"));
        assert_eq!(said(&[b'x'; 1024]).len(), 1024);
        assert!(said(&[b'x'; 1025]).contains("longer than 1024 bytes"));
    }

    /// What another program encrypted is opened with what it took.
    #[test]
    fn to_open_any_will_do() {
        assert_eq!(Passphrase::of(b" x ").unwrap().as_bytes(), b" x ");
    }
}
