//! What is said and remembered of a backup that was proven, or was not.

use std::path::Path;

use crate::backends::yubihsm::backup::log::{BackupEntry, BackupLog};
use crate::backends::yubihsm::device::provider::Provider;
use crate::cli::report::status;
use crate::consensus::PublicKey;
use crate::os::clock::{Clock, SystemClock};
use crate::os::files::paths::absolute;
use crate::text::date::Date;

/// Now, for labels and the list of backups.
pub(super) fn now() -> Date {
    Date::of(SystemClock.now().wall)
}

/// Says of a backup that was just written how it was proven, if it was, and remembers it.
pub(super) fn tell_proof(provider: &Provider, key: &PublicKey, file: &Path, how: Option<&str>) {
    let Some(how) = how else {
        let file = absolute(file);
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
pub(super) fn remember(backups: Option<&BackupLog>, key: &PublicKey, file: &Path, how: &str) {
    let Some(backups) = backups else {
        return;
    };
    let entry = BackupEntry {
        seconds: SystemClock.now().wall.as_secs(),
        date: now().to_string(),
        file: absolute(file),
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
