//! What a file to import is.

use std::path::Path;

use clap::ValueEnum;
use zeroize::Zeroizing;

use crate::os::files::bounded;
use crate::secret_file::kind::{self, FileKind};

/// The longest key that is looked at, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The forms that a key comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// A backup of `keys export` or `keys generate -b`
    Wrap,
    /// CometBFT's priv_validator_key.json
    Json,
    /// 32 bytes in base64
    Base64,
}

impl Form {
    /// What a file is: JSON begins with a brace, whatever its name is, and base64 of a key is shorter than that of a backup.
    /// A backup says for itself what is wrong with it.
    pub(super) fn of(path: &Path) -> Self {
        let begins = bounded::read(path, LONGEST).unwrap_or_default();
        let text = Zeroizing::new(begins);
        let is_named = path
            .file_name()
            .is_some_and(|name| name == "priv_validator_key.json");
        if is_named || kind::text(&text).starts_with(b"{") {
            return Self::Json;
        }
        match kind::look(&text) {
            Some(FileKind::Base64 | FileKind::OddBase64 { .. }) => Self::Base64,
            _ => Self::Wrap,
        }
    }
}
