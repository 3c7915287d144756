//! The key files of a configuration.

use std::path::{Path, PathBuf};

use crate::config::Config;

/// The key files of a configuration, each with its chain.
pub(super) fn paths(config: &Config) -> String {
    config
        .keys()
        .filter_map(|chain| {
            Some(format!(
                "  {} ({})\n",
                chain.key.traits().file.as_ref()?.path.display(),
                chain.id
            ))
        })
        .collect()
}

/// Without `.` components.
pub(super) fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}
