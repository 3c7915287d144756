//! What stands at the chain's own path before another signer's state is taken over.

use std::path::PathBuf;

use crate::config::Config;
use crate::consensus::ChainId;
use crate::gate::store::file::{FileStore, OpenError, StateFile, inspect};
use crate::gate::store::{Moved, Origin, Store};
use crate::gate::used_up::UsedUp;
use crate::gate::watermark::Watermark;
use crate::os::clock::{Clock, SystemClock};
use crate::remedy::CommandLine;

use super::old_state::{OldState, with_age};
use crate::migrate::fence;
use crate::migrate::foreign::reading::Reading;
use crate::migrate::watermarks::shown;

/// It, with the chain's locks where there is a file of this program.
pub enum Current {
    /// Nothing.
    Nothing,
    /// What a take-over left that did not come to its end; the old file has another name.
    Tombstone(PathBuf),
    /// Another signer's file.
    Foreign(Box<OldState>),
    /// A file of this program.
    Own {
        /// It, locked.
        store: Box<FileStore>,
        /// It was copied or restored, so that `start` would not use it (W15).
        copied: bool,
        /// It was handed over to another signer, or with `moved_out` to another host, so that `start` would not use it.
        handed_over: bool,
        /// Where another host goes on: which move that was.
        moved_out: Option<Moved>,
        /// The watermark.
        used_up: Box<UsedUp>,
    },
}

/// Why the chain's own state cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The file.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Other hosts go on signing for it.
    #[error(
        "the watermark of chain {chain} is shared with other hosts in etcd, which go on signing; end the sharing with \
         `{leave}`, then repeat the command"
    )]
    Shared {
        /// The chain.
        chain: ChainId,
        /// `state leave`.
        leave: CommandLine,
    },
    /// It is another signer's, and cannot be read either.
    #[error("{0}")]
    Foreign(String),
}

impl LookError {
    /// Whether a process holds the chain.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Open(error) if error.is_locked())
    }

    /// The same with the process that serves this configuration, where that holds the chain.
    pub fn told(&self, config: &Config, service: Option<u32>) -> String {
        match service.filter(|_| self.is_locked()) {
            Some(pid) => format!(
                "{self} (it is in use by the service of {}, process {pid})",
                config.name
            ),
            None => self.to_string(),
        }
    }
}

impl Current {
    /// Looks, and takes the chain's locks where there is a file of this program. A chain that was handed over to another host is
    /// refused: it comes back with a bundle (W21).
    pub fn look(place: &StateFile) -> Result<Self, LookError> {
        match Self::look_even_back(place)? {
            Self::Own {
                moved_out: Some(moved),
                ..
            } => Err(place.moved_out(moved).into()),
            other => Ok(other),
        }
    }

    /// The same for one that would begin it: whoever it was handed over to, it is taken back with its newest state.
    pub fn look_to_begin(place: &StateFile) -> Result<Self, LookError> {
        match Self::look(place)? {
            Self::Own {
                handed_over: true,
                used_up,
                ..
            } => Err(place.handed_over(used_up.written()).into()),
            other => Ok(other),
        }
    }

    /// The same for the one command that takes back whatever was handed over, once its chain id was typed.
    pub fn look_even_back(place: &StateFile) -> Result<Self, LookError> {
        match FileStore::open_copied(place) {
            Ok(store) if store.seen().is_some() => Err(LookError::Shared {
                chain: place.chain_id.clone(),
                leave: place
                    .commands
                    .line(["state", "leave", place.chain_id.as_str()]),
            }),
            Ok(store) => Ok(Self::Own {
                used_up: Box::new(store.used_up()),
                handed_over: store.record().origin.is_given_away(),
                moved_out: match store.record().origin {
                    Origin::MovedOut => store.moved(),
                    _ => None,
                },
                copied: matches!(inspect(place), Err(OpenError::Copied { .. })),
                store: Box::new(store),
            }),
            Err(OpenError::Missing { .. }) => Ok(Self::Nothing),
            Err(OpenError::Foreign { .. }) => {
                let reading = Reading::of(&place.path);
                match reading.ok().and_then(|now| fence::of_tombstone(&now.bytes)) {
                    Some((_, kept)) => Ok(Self::Tombstone(kept)),
                    // It counts, too: the higher of the two is taken.
                    None => OldState::read(&place.path, None, place)
                        .map(|old| Self::Foreign(Box::new(old)))
                        .map_err(LookError::Foreign),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The watermark; `None` where that is not known.
    pub fn watermark(&self) -> Option<&Watermark> {
        match self {
            Self::Nothing | Self::Tombstone(_) => None,
            Self::Foreign(old) => Some(&old.foreign.watermark),
            Self::Own { used_up, .. } => Some(used_up.watermark()),
        }
    }

    /// The same for people, with its age.
    pub fn told(&self) -> String {
        match self {
            Self::Nothing | Self::Tombstone(_) => shown(None),
            Self::Foreign(old) => old.told(),
            Self::Own { used_up, .. } => {
                with_age(&shown(Some(used_up.watermark())), used_up.written())
            }
        }
    }

    /// Makes it durable. Another signer's file must have been buried before.
    pub fn write(self, place: &StateFile, watermark: &Watermark) -> Result<(), String> {
        let now = SystemClock.now().wall;
        match self {
            Self::Own { store, used_up, .. } => {
                // What is taken over as it is was reached when it was: the heights since then are allowed (W11).
                let reached = match used_up.watermark() == watermark {
                    true => used_up.written(),
                    false => now,
                };
                let origin = Origin::of_operator(Some(used_up.watermark()));
                store
                    .set(watermark, origin, reached)
                    .map_err(|error| error.to_string())
            }
            Self::Foreign(_) | Self::Tombstone(_) => {
                FileStore::replace_foreign(place, watermark, now).map_err(|error| error.to_string())
            }
            Self::Nothing => {
                FileStore::create(place, watermark, now).map_err(|error| error.to_string())
            }
        }
    }
}
