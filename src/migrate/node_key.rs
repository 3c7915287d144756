//! The key that a node has itself, after its state was taken over: with it the node must never sign again.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::consensus::PublicKey;
use crate::os::files::paths::{absolute, same_file};
use crate::os::files::rename::to_new_name;
use crate::remedy::CommandLine;

use super::foreign::reading::Reading;

/// How many names are tried for a key that is moved aside.
const MOST: u32 = 100;

/// The key file of the node whose state file this is, in the folders as CometBFT has them.
pub fn beside(state: &Path) -> Option<PathBuf> {
    let data = std::path::absolute(state).ok()?.parent()?.to_owned();
    let home = data.parent().filter(|_| data.ends_with("data"))?;
    Some(home.join("config/priv_validator_key.json")).filter(|path| path.is_file())
}

/// Whether a `priv_validator_key.json` holds this key. Only its public half is looked at.
pub fn holds(path: &Path, key: &PublicKey) -> bool {
    #[derive(Deserialize)]
    struct File {
        pub_key: Public,
    }
    #[derive(Deserialize)]
    struct Public {
        value: String,
    }
    let Ok(reading) = Reading::of(path) else {
        return false;
    };
    let bytes = Zeroizing::new(reading.bytes);
    serde_json::from_slice::<File>(&bytes).is_ok_and(|file| {
        crate::text::base64::decode(file.pub_key.value.as_bytes())
            .is_some_and(|found| found == key.as_bytes())
    })
}

/// Why a key was not moved aside.
#[derive(Debug, thiserror::Error)]
pub enum AsideError {
    /// What the system said.
    #[error(transparent)]
    Failed(#[from] io::Error),
    /// Every name that was tried is taken.
    #[error("too many keys lie beside it")]
    Crowded,
}

/// Gives a key file another name beside it, so that no node finds it; the new name.
///
/// # Errors
/// Why it still has its own.
pub fn move_aside(path: &Path) -> Result<PathBuf, AsideError> {
    for number in 0..MOST {
        let kept = aside(path, number);
        match to_new_name(path, &kept) {
            Ok(()) => return Ok(kept),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(AsideError::Crowded)
}

/// The command that does the same.
pub fn move_by_hand(path: &Path) -> CommandLine {
    CommandLine::of_system("mv", [absolute(path), absolute(&aside(path, 0))])
}

/// Whether this configuration signs with the key in this file.
pub fn is_ours(path: &Path, config: &Config) -> bool {
    config.keys().any(|chain| {
        let file = chain.key.traits().file.as_ref();
        file.is_some_and(|file| same_file(&file.path, path))
    })
}

fn aside(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(match number {
        0 => ".taken-over".to_owned(),
        _ => format!(".taken-over-{number}"),
    });
    path.with_file_name(name)
}
