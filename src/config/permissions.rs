//! Who besides this user can change the configuration, read a password in it, or put something else in the place of what
//! it names.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::os::files::strangers::{self, Exposed, Who};
use crate::remedy;
use crate::threads::give_way;

use super::meaning::Config;
use super::report::holds_secret;

/// Looks at an open configuration and its folder; the texts are warnings. What is not a file, such as a pipe, has none.
///
/// # Errors
/// When every user of this host can change it: it says which nodes may ask, and where the state lies. The outer error is
/// the system's.
pub(super) fn judge(
    path: &Path,
    file: &File,
    text: &str,
) -> io::Result<Result<Vec<String>, Exposed>> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Ok(Ok(Vec::new()));
    }
    let path = std::path::absolute(path)?;
    let mut warnings = Vec::new();
    match strangers::of_file(&path, &found) {
        Some(exposed) if exposed.who == Who::Everyone => return Ok(Err(exposed)),
        Some(exposed) => warnings.push(exposed),
        None => {}
    }
    match strangers::around(&path) {
        Err(exposed) => return Ok(Err(exposed)),
        Ok(exposed) => warnings.extend(exposed),
    }
    let mut warnings: Vec<String> = warnings
        .iter()
        .map(|exposed| {
            format!(
                "the configuration {} is not safe: {exposed}",
                path.display()
            )
        })
        .collect();
    let (everyone, group) = (found.mode() & 0o004 != 0, found.mode() & 0o040 != 0);
    if (everyone || group) && holds_secret(text) {
        let (readers, unless) = match everyone {
            true => ("every user of this host".to_owned(), ""),
            // The service may be one of them.
            false => (
                format!("the group {}", found.gid()),
                ", unless that is meant",
            ),
        };
        warnings.push(format!(
            "{readers} can read the password in {}; keep it in a file of its own and name that as `password_file`, or run \
             `{}`{}{unless}",
            path.display(),
            remedy::make_private(&path),
            remedy::as_user(found.uid())
        ));
    }
    Ok(Ok(warnings))
}

/// Warnings about the folders of states, of the control socket and of the metrics' file, each folder once. A state that
/// everybody can replace is not opened at all, and says so itself.
pub(super) fn around(config: &Config) -> Vec<String> {
    let mut looked_at = BTreeSet::new();
    let states = config.keys().filter_map(|key| {
        // What is looked at are the folders, whatever the file is called.
        let after_key = || key.state_file.folder().join(key.id.as_str());
        let file = key
            .state_file
            .fixed()
            .map_or_else(after_key, Path::to_owned);
        if !looked_at.insert(file.parent().map(Path::to_owned)) {
            return None;
        }
        give_way();
        let found = strangers::around(&file).unwrap_or(None);
        Some((format!("the state of {}", key.id), found))
    });
    let everybody = |file: &Path| {
        let found = strangers::around(file).unwrap_or_else(Some);
        found.filter(|exposed| exposed.who == Who::Everyone)
    };
    let socket = ("the control socket", Some(config.control.as_path()));
    let textfile = ("the file of metrics", config.metrics.textfile.as_deref());
    let others = [socket, textfile]
        .into_iter()
        .map(|(name, file)| (name.to_owned(), file.and_then(everybody)));
    let mut told = BTreeSet::new();
    let found = states.chain(others);
    found
        .filter_map(|(name, exposed)| Some((name, exposed?)))
        .filter(|(_, exposed)| told.insert(exposed.path.clone()))
        .map(|(name, exposed)| format!("{name} is not safe: {exposed}"))
        .collect()
}
