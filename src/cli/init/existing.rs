//! A configuration that is there already: the sections that it lacks are put at its end, and nothing else is changed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::report::{Failure, status};
use super::text::{NewChain, sections};
use crate::config::{Config, ConfigError};
use crate::consensus::key_text::KeyFormat;
use crate::link::Address;
use crate::networks::{key_format_line, key_prefixes};
use crate::os::files::paths::folder_of;
use crate::os::files::replace::{Flush, Readers, replace};
use crate::os::users::user_name;
use crate::remedy;

/// The file, as it was before anything was made.
pub(super) struct Existing {
    path: PathBuf,
    text: String,
    /// What it means by itself. A file without a `[[chain]]` means nothing, and is of use with one.
    meant: Result<Config, ConfigError>,
}

/// What new sections must not repeat of a file that means nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Unfinished {
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

/// What new sections must not repeat.
#[derive(Default)]
struct Taken {
    ids: Vec<String>,
    ports: Vec<u16>,
}

/// The sections that it lacks.
pub(super) struct Addition {
    path: PathBuf,
    missing: Vec<NewChain>,
    new: String,
    whole: String,
}

/// Why a new file cannot stand in a file's place with the same owner and mode.
#[derive(Debug, PartialEq, Eq)]
enum NotLikeIt {
    /// It is this user's (by number), and a new file would be another's.
    Owner(u32),
    /// It has these permissions.
    Mode(u32),
}

impl Existing {
    /// Reads the file at `path`; `None` where nothing has this name.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Failure> {
        match fs::symlink_metadata(path) {
            Err(error) if is_absent(&error) => return Ok(None),
            _ => {}
        }
        let text = fs::read_to_string(path).map_err(|error| unread(path, error))?;
        Ok(Some(Self {
            path: path.to_owned(),
            meant: Config::read_for(&text, path),
            text,
        }))
    }

    /// Those of these chains that it does not have.
    ///
    /// # Errors
    /// The file is not one that could be used with them.
    pub(super) fn without(self, chains: &[NewChain]) -> Result<Addition, Failure> {
        let taken = self.taken();
        let missing: Vec<NewChain> = chains
            .iter()
            .filter(|chain| !taken.ids.contains(&chain.id))
            .cloned()
            .collect();
        let new = sections(&missing, &taken.ports);
        let whole = format!("{}\n{new}", self.text.trim_end());
        let usable = match missing.is_empty() {
            // It need not mean anything yet.
            true if chains.is_empty() => Ok(()),
            // Its chains are all there, which is no use if it cannot be read.
            true => self.meant.map(drop).map_err(unusable),
            false => match (Config::read_for(&whole, &self.path), self.meant) {
                (Ok(_), _) => Ok(()),
                (Err(error), Err(_)) => Err(unusable(error)),
                (Err(error), Ok(_)) => Err(Failure::usage(error).hint(format!(
                    "{} is as it was; add what it lacks of this by hand:\n{new}",
                    self.path.display()
                ))),
            },
        };
        usable.map(|()| Addition {
            path: self.path,
            missing,
            new,
            whole,
        })
    }

    /// What is to be set by hand for this prefix of a chain's addresses, where the chain is there with another one.
    pub(super) fn unlike(&self, chain_id: &str, prefix: &str) -> Option<String> {
        let config = self.meant.as_ref().ok()?;
        let chain = config
            .chains
            .iter()
            .find(|chain| chain.id.as_str() == chain_id)?;
        let (account, consensus) = key_prefixes(prefix);
        let wanted = KeyFormat::Bech32 { account, consensus };
        (chain.key_format != wanted).then(|| {
            format!(
                "the [[chain]] {chain_id} of {} stays as it is; for --prefix {prefix} set there: {}",
                self.path.display(),
                key_format_line(prefix).trim_end()
            )
        })
    }

    /// What is to be added by hand where the chain is there already, and not with the node that the operator named.
    pub(super) fn has_no_node(&self, new: &NewChain) -> Option<String> {
        let (config, node) = (self.meant.as_ref().ok()?, new.node.as_ref()?);
        let mut chains = config.chains.iter();
        let chain = chains.find(|chain| chain.id.as_str() == new.id)?;
        let mut nodes = chain.nodes.iter();
        let is_there = nodes.any(|there| there.address.known().ok() == Some(node));
        (!is_there).then(|| {
            format!(
                "the [[validator]] of {} in {} stays as it is; for --addr {node} set its `addr` there",
                new.id,
                self.path.display()
            )
        })
    }

    fn taken(&self) -> Taken {
        match &self.meant {
            Ok(config) => {
                let nodes = config.chains.iter().flat_map(|chain| &chain.nodes);
                let known = nodes.filter_map(|node| node.address.known().ok());
                let ids = config.chains.iter().map(|chain| chain.id.to_string());
                Taken {
                    ports: known.filter_map(port).collect(),
                    ids: ids.collect(),
                }
            }
            Err(_) => {
                let there = toml::from_str::<Unfinished>(&self.text).unwrap_or_default();
                let nodes = there.validator.iter();
                let known = nodes.filter_map(|node| node.addr.parse().ok());
                Taken {
                    ports: known.filter_map(|address| port(&address)).collect(),
                    ids: there.chain.into_iter().map(|chain| chain.id).collect(),
                }
            }
        }
    }
}

fn port(address: &Address) -> Option<u16> {
    address.host_and_port().map(|(_, port)| port)
}

impl Addition {
    /// Adds them; gives those that were added.
    ///
    /// # Errors
    /// A file in its place would not have its owner and mode, or cannot be written: then it is as it was.
    pub(super) fn write(self) -> Result<Vec<NewChain>, Failure> {
        let path = &self.path;
        let kept = || {
            status(
                "Kept",
                format!("{}, which is there already", path.display()),
            );
        };
        if self.missing.is_empty() {
            kept();
            return Ok(self.missing);
        }
        // Where a link leads, so that the link stays one.
        let file = fs::canonicalize(path).map_err(|error| unread(path, error))?;
        let ids: Vec<&str> = self.missing.iter().map(|chain| &*chain.id).collect();
        let readers = match readers(&file).map_err(|error| unread(path, error))? {
            Ok(readers) => readers,
            Err(other) => {
                kept();
                return Err(self.by_hand(&file, &other, &ids.join(", ")));
            }
        };
        replace(&file, self.whole.as_bytes(), readers, Flush::Durable).map_err(|error| {
            Failure::new(format!("{} cannot be written: {error}", file.display()))
        })?;
        status("Added", format!("{} to {}", ids.join(", "), path.display()));
        Ok(self.missing)
    }

    fn by_hand(&self, file: &Path, other: &NotLikeIt, ids: &str) -> Failure {
        let (path, new) = (self.path.display(), &self.new);
        match *other {
            NotLikeIt::Owner(owner) => Failure::new(format!(
                "{path} has no [[chain]] {ids} and is left as it is: it belongs to user {}, and a new file in its place \
                 would not",
                user_name(owner)
            ))
            .hint(format!("add by hand what it lacks:\n{new}")),
            NotLikeIt::Mode(mode) => Failure::new(format!(
                "{path} has no [[chain]] {ids} and is left as it is: its mode is {mode:o}, and that of a new file in its \
                 place would be 600"
            ))
            .hint(format!(
                "run `{}` and the same command again, or add by hand what it lacks:\n{new}",
                remedy::make_private(file)
            )),
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unread(path: &Path, error: io::Error) -> Failure {
    Failure::new(format!("{} cannot be read: {error}", path.display()))
}

fn unusable(error: ConfigError) -> Failure {
    Failure::usage(error).hint("correct the file that is there already, or move it away")
}

/// Who may read the file, if a file that this user puts in its place has the same rights.
fn readers(file: &Path) -> io::Result<Result<Readers, NotLikeIt>> {
    let (folder, file) = (fs::metadata(folder_of(file))?, fs::metadata(file)?);
    let me = rustix::process::geteuid().as_raw();
    // What root makes belongs to the owner of the folder.
    let owner = if me == 0 { folder.uid() } else { me };
    Ok(judge(owner, file.uid(), file.mode() & 0o7777))
}

fn judge(new_owner: u32, owner: u32, mode: u32) -> Result<Readers, NotLikeIt> {
    match mode {
        _ if owner != new_owner => Err(NotLikeIt::Owner(owner)),
        0o600 => Ok(Readers::Owner),
        0o644 => Ok(Readers::Everyone),
        mode => Err(NotLikeIt::Mode(mode)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_by_one_with_its_owner_and_mode() {
        assert_eq!(judge(5, 5, 0o600), Ok(Readers::Owner));
        assert_eq!(judge(5, 5, 0o644), Ok(Readers::Everyone));
        for mode in [0o640, 0o400, 0o664, 0o4644] {
            assert_eq!(judge(5, 5, mode), Err(NotLikeIt::Mode(mode)));
        }
        assert_eq!(judge(5, 0, 0o600), Err(NotLikeIt::Owner(0)));
        assert_eq!(judge(0, 5, 0o644), Err(NotLikeIt::Owner(5)));
    }
}
