//! The key files of a configuration.

use std::path::{Path, PathBuf};

use crate::config::Config;

/// The key files of a configuration, each with its chain.
pub(super) fn paths(config: &Config) -> String {
    config
        .keys()
        .filter_map(|chain| {
            let file = chain.key.traits().file.as_ref();
            let file = file.filter(|file| !file.share)?;
            Some(format!("  {} ({})\n", file.path.display(), chain.id))
        })
        .collect()
}

/// Without `.` components.
pub(super) fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}
