//! A configuration that is there already: the sections that it lacks are put at its end, and nothing else is changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Deserialize;

use super::super::report::{Failure, status};
use super::text::{NewChain, sections};
use crate::config::Config;
use crate::link::Address;
use crate::os::files::replace::{Flush, Readers, replace};

/// The parts of a configuration that new sections must not repeat.
#[derive(Default, Deserialize)]
#[serde(default)]
struct There {
    chain: Vec<ChainThere>,
    validator: Vec<NodeThere>,
}

#[derive(Deserialize)]
struct ChainThere {
    id: String,
}

#[derive(Deserialize)]
struct NodeThere {
    addr: String,
}

/// Adds the chains that the file does not have; gives those.
///
/// # Errors
/// The file is not one that could be used with them, or is not this user's to write: then it is as it was.
pub(super) fn add(path: &Path, chains: &[NewChain]) -> Result<Vec<NewChain>, Failure> {
    let unread = |error| Failure::new(format!("{} cannot be read: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(unread)?;
    let there: There = match toml::from_str(&text) {
        Ok(there) => there,
        // The same with its place and its remedy; what this does not see there, is not in the way.
        Err(_) => match Config::read_for(&text, path) {
            Err(error) => return Err(unusable(error)),
            Ok(_) => There::default(),
        },
    };
    let missing: Vec<NewChain> = chains
        .iter()
        .filter(|chain| there.chain.iter().all(|other| other.id != chain.id))
        .cloned()
        .collect();
    let kept = || {
        status(
            "Kept",
            format!("{}, which is there already", path.display()),
        );
    };
    if missing.is_empty() {
        kept();
        return match chains.is_empty() {
            true => Ok(missing),
            // Its chains are all there, which is no use if it cannot be read.
            false => Config::read_for(&text, path)
                .map(|_| missing)
                .map_err(unusable),
        };
    }
    let new = sections(&missing, &ports(&there));
    let whole = format!("{}\n{new}", text.trim_end());
    Config::read_for(&whole, path).map_err(unusable)?;
    let ids: Vec<&str> = missing.iter().map(|chain| &*chain.id).collect();
    let Some(readers) = readers(path) else {
        kept();
        return Err(Failure::new(format!(
            "{} is not this user's file only, and has no [[chain]] {}",
            path.display(),
            ids.join(", ")
        ))
        .hint(format!("add by hand:\n\n{new}")));
    };
    // Where a link leads, so that the link stays one.
    let file = fs::canonicalize(path).map_err(unread)?;
    replace(&file, whole.as_bytes(), readers, Flush::Durable)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", file.display())))?;
    status("Added", format!("{} to {}", ids.join(", "), path.display()));
    Ok(missing)
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::usage(error).hint("correct the file that is there already, or move it away")
}

/// The ports of the nodes that are there.
fn ports(there: &There) -> Vec<u16> {
    let addresses = there
        .validator
        .iter()
        .filter_map(|node| node.addr.parse::<Address>().ok());
    addresses
        .filter_map(|address| match address {
            Address::Tcp { port, .. } => Some(port),
            Address::Unix(_) => None,
        })
        .collect()
}

/// Who may read the file, if a file of this user can take its place with the same rights.
fn readers(path: &Path) -> Option<Readers> {
    let meta = fs::metadata(path).ok()?;
    let me = rustix::process::geteuid().as_raw();
    match (meta.uid() == me, meta.mode() & 0o777) {
        (true, 0o600) => Some(Readers::Owner),
        (true, 0o644) => Some(Readers::Everyone),
        _ => None,
    }
}
