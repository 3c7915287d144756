//! The way back: a chain's watermark as another signer keeps it.

use std::io;
use std::path::Path;

use serde_json::{Value, json};
use subtle_encoding::hex;

use crate::config::{ChainConfig, Config};
use crate::consensus::BlockId;
use crate::gate::store::file::{FileStore, OpenError, StateFile};
use crate::gate::store::{Origin, StoreError};
use crate::gate::watermark::Watermark;
use crate::os::clock::{Clock, SystemClock};
use crate::os::files::paths::same_file;
use crate::os::files::replace::{Flush, Readers, create, replace};

use super::fence::is_tombstone_at;

/// Whose format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// CometBFT's own file signer, and cosmos/kms.
    Cometbft,
    /// The older tmkms.
    Tmkms,
    /// horcrux.
    Horcrux,
}

/// A chain's state with its locks, so that no service signs above what is written out.
pub struct Exported {
    /// The state.
    pub store: FileStore,
    /// It was handed over before: then it can be written out again, and is sealed already.
    pub sealed: bool,
}

impl Exported {
    /// Opens it.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(place: &StateFile) -> Result<Self, OpenError> {
        match FileStore::open(place) {
            Ok(store) => Ok(Self {
                store,
                sealed: false,
            }),
            Err(OpenError::HandedOver { .. }) => Ok(Self {
                store: FileStore::open_copied(place)?,
                sealed: true,
            }),
            Err(error) => Err(error),
        }
    }

    /// Seals it as handed over, so that this program signs no more for the chain.
    ///
    /// # Errors
    /// Why that is not durable.
    pub fn seal(self) -> Result<(), StoreError> {
        let used_up = self.store.used_up();
        let now = SystemClock.now().wall;
        self.store.set(used_up.watermark(), Origin::HandedOver, now)
    }
}

/// The chain of this configuration whose own state lies at a path: nobody is to be told to move one of those away.
pub fn own_state<'a>(config: &'a Config, path: &Path) -> Option<&'a ChainConfig> {
    let mut keys = config.keys();
    keys.find(|key| {
        let mut candidates = key.state_file.candidates().into_iter();
        candidates.any(|state| same_file(path, &state))
    })
}

/// Makes the file. What a take-over left in the place of the other signer's state is replaced, nothing else.
///
/// # Errors
/// What the system said; [`io::ErrorKind::AlreadyExists`] where an old file lies there.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    match is_tombstone_at(path) {
        true => replace(path, text.as_bytes(), Readers::Owner, Flush::Durable),
        false => create(path, text.as_bytes(), Readers::Owner),
    }
}

/// Only the position. The signature of the last message is in no file of this program, and bytes without it end
/// CometBFT's signer with a panic; without both it refuses that position, which is what is wanted.
pub fn text(watermark: &Watermark, format: ExportFormat) -> String {
    format!("{:#}\n", fields(watermark, format))
}

fn fields(watermark: &Watermark, format: ExportFormat) -> Value {
    let (height, round, step) = watermark.hrs().map_or((0, 0, 0), |hrs| {
        (hrs.height.get(), hrs.round.get(), hrs.step.number())
    });
    match format {
        ExportFormat::Cometbft => json!({
            "height": height.to_string(),
            "round": round,
            "step": step,
        }),
        ExportFormat::Horcrux => json!({
            "height": height.to_string(),
            "round": round.to_string(),
            "step": step,
            "nonce_public": null,
            "signature": null,
        }),
        ExportFormat::Tmkms => json!({
            "height": height.to_string(),
            "round": round.to_string(),
            // Counted from 0 there.
            "step": step.saturating_sub(1),
            "block_id": match watermark {
                Watermark::Message(last) => last.position().block.as_ref().map_or(Value::Null, block),
                Watermark::Never | Watermark::UpTo(_) => Value::Null,
            },
        }),
    }
}

fn block(id: &BlockId) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(hex::encode_upper(bytes)).unwrap_or_default();
    json!({
        "hash": text(&id.hash),
        "parts": { "total": id.parts.total, "hash": text(&id.parts.hash) },
    })
}
