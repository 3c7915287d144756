//! The name of a chain, as it stands in the bytes that are signed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

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
}

impl ChainId {
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
}
