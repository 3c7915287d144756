//! The name of a chain, as it stands in the bytes that are signed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::text::excerpt::Excerpt;

/// The longest chain id in bytes: `MaxChainIDLen` in CometBFT's `types/genesis.go`.
pub const MAX_CHAIN_ID_BYTES: usize = 50;

/// A chain id of 1 to 50 bytes of UTF-8. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(Arc<str>);

/// Why a text is not a chain id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainIdError {
    /// The text is empty.
    #[error("a chain id must not be empty")]
    Empty,
    /// The text is longer than CometBFT allows.
    #[error("a chain id has at most {MAX_CHAIN_ID_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// The text holds a character that would spoil every log line it stands in.
    #[error("a chain id must not hold control characters")]
    Control,
    /// It is not a text at all.
    #[error("a chain id is text in UTF-8")]
    NotText,
}

/// What a node sent as a chain id and is none: its beginning, however long it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sent} is not a chain id: {why}")]
pub struct IllegalChainId {
    /// What was sent.
    pub sent: Excerpt,
    /// Why it is none.
    pub why: ChainIdError,
}

impl ChainId {
    /// The chain id in a node's request.
    pub fn read(bytes: &[u8]) -> Result<Self, IllegalChainId> {
        let illegal = |why| IllegalChainId {
            sent: Excerpt::of(bytes),
            why,
        };
        // Its length first: it may be a mebibyte.
        if bytes.len() > MAX_CHAIN_ID_BYTES {
            return Err(illegal(ChainIdError::TooLong(bytes.len())));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| illegal(ChainIdError::NotText))?;
        text.parse().map_err(illegal)
    }

    /// The chain id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ChainId {
    type Err = ChainIdError;

    fn from_str(text: &str) -> Result<Self, ChainIdError> {
        if text.is_empty() {
            return Err(ChainIdError::Empty);
        }
        if text.len() > MAX_CHAIN_ID_BYTES {
            return Err(ChainIdError::TooLong(text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(ChainIdError::Control);
        }
        Ok(Self(Arc::from(text)))
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_fifty_bytes() {
        assert!("c".parse::<ChainId>().is_ok());
        assert!("c".repeat(50).parse::<ChainId>().is_ok());
        assert_eq!("".parse::<ChainId>(), Err(ChainIdError::Empty));
        assert_eq!(
            "c".repeat(51).parse::<ChainId>(),
            Err(ChainIdError::TooLong(51))
        );
        assert_eq!(
            "é".repeat(26).parse::<ChainId>(),
            Err(ChainIdError::TooLong(52))
        );
        assert_eq!("a\nb".parse::<ChainId>(), Err(ChainIdError::Control));
    }

    #[test]
    fn what_a_node_sends_is_kept_as_a_chain_id_or_its_beginning() {
        assert_eq!(ChainId::read(b"c"), Ok("c".parse().unwrap()));
        let why = |bytes: &[u8]| ChainId::read(bytes).unwrap_err();
        let long = why(&vec![0xff; 1 << 20]);
        assert_eq!(long.why, ChainIdError::TooLong(1 << 20));
        assert!(long.to_string().len() < 800, "{long}");
        assert_eq!(why(b"").why, ChainIdError::Empty);
        assert_eq!(why(b"a\xff").why, ChainIdError::NotText);
        let control = why(b"a\x1b[2J\n");
        assert_eq!(
            control.to_string(),
            r#""a\u{1b}[2J\n" is not a chain id: a chain id must not hold control characters"#
        );
    }
}
