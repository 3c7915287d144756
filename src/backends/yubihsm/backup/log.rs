//! When the backup of a key was last proven: a small file beside the configuration, and a reminder after 90 days.
//!
//! It holds no secrets, and losing it loses nothing but the date.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backends::yubihsm::protocol::commands::DeviceCommands;
use crate::consensus::{PublicKey, key_text};
use crate::os::files::replace::{Flush, Readers, replace};

/// The file's name.
const NAME: &str = "yubihsm-backups.json";
/// After so long a backup should be proven again.
const OLD: Duration = Duration::from_secs(90 * 86_400);
/// The longest file that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// What is remembered of one key's backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupEntry {
    /// When it was proven, in seconds since 1970.
    pub seconds: u64,
    /// The same for people.
    pub date: String,
    /// The backup's file.
    pub file: PathBuf,
    /// How it was proven.
    pub how: String,
}

/// The file of one configuration.
#[derive(Clone, Debug)]
pub struct BackupLog {
    path: PathBuf,
    commands: DeviceCommands,
}

impl BackupLog {
    /// That of the configuration in this folder. Reminders print `commands`.
    pub fn beside(folder: &Path, commands: DeviceCommands) -> Self {
        Self {
            path: folder.join(NAME),
            commands,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read(&self) -> io::Result<BTreeMap<String, BackupEntry>> {
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(error),
            Ok(meta) if !meta.is_file() || meta.len() > LONGEST => {
                return Err(io::Error::other("it is not such a file"));
            }
            Ok(_) => {}
        }
        serde_json::from_slice(&fs::read(&self.path)?).map_err(io::Error::other)
    }

    /// Remembers a proof. The file is replaced as a whole.
    pub fn remember(&self, key: &PublicKey, entry: BackupEntry) -> io::Result<()> {
        let mut all = self.read()?;
        all.insert(key_text::to_base64(key), entry);
        let mut text = serde_json::to_string_pretty(&all).map_err(io::Error::other)?;
        text.push('\n');
        // The service reads it, whichever user proved the backup.
        replace(
            &self.path,
            text.as_bytes(),
            Readers::Everyone,
            Flush::Durable,
        )
    }

    /// What is remembered of a key's backup.
    pub fn of(&self, key: &PublicKey) -> io::Result<Option<BackupEntry>> {
        Ok(self.read()?.remove(&key_text::to_base64(key)))
    }

    /// What an operator should be told about a key's backup at this time, if anything.
    pub fn reminder(&self, key: &PublicKey, wall: Duration) -> Option<String> {
        let prove = |file: &str| {
            let command = self.commands.verify_backup(file);
            format!("`{command}` does that, without any device")
        };
        match self.of(key) {
            Err(error) => Some(format!(
                "{} cannot be read, so nobody knows when the backup was proven: {error}",
                self.path.display()
            )),
            Ok(None) => Some(format!(
                "no backup of this key was ever proven here; {}",
                prove("FILE")
            )),
            Ok(Some(entry)) => {
                let age = wall.saturating_sub(Duration::from_secs(entry.seconds));
                (age > OLD).then(|| {
                    format!(
                        "the backup of this key was last proven {} days ago ({}); {}",
                        age.as_secs() / 86_400,
                        entry.file.display(),
                        prove(&entry.file.to_string_lossy())
                    )
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_remembered_for_ninety_days() {
        let folder = tempfile::tempdir().unwrap();
        let memory = BackupLog::beside(folder.path(), DeviceCommands::default());
        let (key, other) = (PublicKey::Ed25519([1; 32]), PublicKey::Ed25519([2; 32]));
        let at = |days: u64| Duration::from_secs(days * 86_400);
        let says = |key, days| memory.reminder(key, at(days)).unwrap_or_default();
        assert!(says(&key, 0).contains("was ever proven"));
        let entry = BackupEntry {
            seconds: at(10).as_secs(),
            date: "1970-01-11T00:00:00Z".to_owned(),
            file: "backup".into(),
            how: "offline".to_owned(),
        };
        memory.remember(&other, entry.clone()).unwrap();
        memory.remember(&key, entry.clone()).unwrap();
        assert_eq!(memory.of(&key).unwrap(), Some(entry));
        assert_eq!(says(&key, 100), "");
        assert!(says(&key, 101).contains("91 days ago (backup)"));
        fs::write(memory.path(), "{").unwrap();
        assert!(says(&key, 10).contains("cannot be read"));
    }
}
