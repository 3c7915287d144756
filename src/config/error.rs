//! Why a configuration, or a key that it names, cannot be used.

use std::fmt;
use std::path::PathBuf;

use crate::backends::OpenKeyError;
use crate::consensus::ChainId;
use crate::os::files::strangers::Exposed;
use crate::secret_file::kind::FileKind;

/// The file cannot be used. Exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("the configuration {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Everybody may change it.
    #[error("the configuration {} is not used, because it is not safe: {exposed}", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Why, and the remedy.
        exposed: Exposed,
    },
    /// It is something else, such as a key; nothing of it is shown.
    #[error(
        "{} is not a configuration: {}; name a tmkms.toml with `-c`",
        path.display(),
        instead(kind.as_ref())
    )]
    AnotherFile {
        /// The file.
        path: PathBuf,
        /// What it is, where that is known.
        kind: Option<FileKind>,
    },
    /// It is wrong.
    #[error("{0}")]
    Wrong(WrongConfig),
}

/// All that is wrong with a configuration, for people at a terminal and for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongConfig {
    /// The problems with their places in the text.
    pub rendered: String,
    /// The same, each in one line.
    pub lines: Vec<String>,
}

impl fmt::Display for WrongConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered)
    }
}

impl ConfigError {
    /// What is wrong in one line, for the log.
    pub fn in_one_line(&self) -> String {
        match self {
            Self::Wrong(wrong) => wrong.lines.join("; "),
            other => other.to_string(),
        }
    }
}

/// What a file is that was named as the configuration, in words.
fn instead(kind: Option<&FileKind>) -> String {
    match kind {
        None => "it is not TOML, and has no [[chain]] or other section, so nothing of it is shown"
            .to_owned(),
        Some(
            FileKind::Base64 | FileKind::OddBase64 { .. } | FileKind::Hex { .. } | FileKind::Raw(_),
        ) => "it may be a private key, so nothing of it is shown".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// A key could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the key of chain {chain} cannot be opened: {source}")]
pub struct KeyNotOpened {
    /// The chain.
    pub chain: ChainId,
    /// What the backend said.
    pub source: OpenKeyError,
}
