//! `tmkms yubihsm keys`.

mod delete;
mod export;
mod generate;
mod import;
mod list;
mod login;
mod verify;

use std::path::Path;

use clap::{Subcommand, ValueEnum};

use crate::backends::yubihsm::backup::log::{BackupEntry, BackupLog};
use crate::backends::yubihsm::device::provider::Provider;
use crate::backends::yubihsm::session::objects::LABEL;
use crate::cli::report::{Failure, status};
use crate::consensus::{KeyType, PublicKey};
use crate::os::clock::{Clock, SystemClock};
use crate::text::date::Date;

/// The keys in a device.
#[derive(Subcommand)]
pub(in crate::cli) enum Keys {
    /// List the keys that the configured authentication key may see
    List(list::List),
    /// Make a key in the device, and its backup
    Generate(generate::Generate),
    /// Bring a key into the device: a backup, a priv_validator_key.json, or a seed
    Import(import::Import),
    /// Write the backup of a key
    Export(export::Export),
    /// Prove that a backup holds the key: without a device, or by bringing it into another one
    VerifyBackup(verify::VerifyBackup),
    /// Delete a key from a device, permanently
    Delete(delete::Delete),
}

impl Keys {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(command) => command.run(),
            Self::Generate(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::VerifyBackup(command) => command.run(),
            Self::Delete(command) => command.run(),
        }
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum KeyName {
    /// Ed25519
    #[default]
    Consensus,
    /// secp256k1
    Account,
}

impl KeyName {
    fn key_type(self) -> KeyType {
        match self {
            Self::Consensus => KeyType::Ed25519,
            Self::Account => KeyType::Secp256k1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::Account => "account",
        }
    }
}

/// A label, bounded as the device bounds it.
fn label(text: &str) -> Result<String, String> {
    match text.len() <= LABEL && !text.contains('\0') {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a label has {LABEL} bytes at most, and this has {}",
            text.len()
        )),
    }
}

/// Now, for labels and the list of backups.
fn now() -> Date {
    Date::of(SystemClock.now().wall)
}

/// Says of a backup that was just written how it was proven, if it was, and remembers it.
fn tell_proof(provider: &Provider, key: &PublicKey, file: &Path, how: Option<&str>) {
    let Some(how) = how else {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let prove = provider.commands.verify_backup(&file.to_string_lossy());
        return status(
            "Warning",
            format!(
                "the backup was read back and not opened; prove it before you rely on it: `{prove}`"
            ),
        );
    };
    status(
        "Proven",
        "the backup was opened with the mnemonic and holds this very key",
    );
    remember(provider.backups.as_ref(), key, file, how);
}

/// Remembers that a backup was proven. That this fails costs a reminder and nothing else.
fn remember(backups: Option<&BackupLog>, key: &PublicKey, file: &Path, how: &str) {
    let Some(backups) = backups else {
        return;
    };
    let entry = BackupEntry {
        seconds: SystemClock.now().wall.as_secs(),
        date: now().to_string(),
        file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        how: how.to_owned(),
    };
    if let Err(error) = backups.remember(key, entry) {
        let path = backups.path().display();
        status(
            "Warning",
            format!("the proof is not remembered, so `check` will remind of it: {path}: {error}"),
        );
    }
}
