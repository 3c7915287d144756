//! Why a reload changed nothing.

use crate::consensus::{ChainId, Height};
use crate::observe::serve::http::ListenError;

/// Why a reload changed nothing. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The configuration cannot be read, or is wrong.
    #[error("{0}")]
    Configuration(String),
    /// What is set at the start only.
    #[error(
        "{} cannot change while tmkms runs; {}",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), undo(.0)
    )]
    Fixed(Vec<Fixed>),
    /// A chain that is gone, and one that is new, have the same key.
    #[error(
        "{from} is gone and its key signs for {to} now: a state belongs to a chain id and cannot be renamed; undo that, or \
         restart tmkms if {to} is another chain"
    )]
    Renamed {
        /// The chain that is served.
        from: ChainId,
        /// The chain that would be.
        to: ChainId,
    },
    /// A chain that is new has the state file of one that is gone.
    #[error(
        "{from} is gone and {to} has its `state_file` now: a state belongs to a chain id and cannot be renamed; undo that, or \
         give {to} a `state_file` of its own"
    )]
    StateOf {
        /// The chain that is served.
        from: ChainId,
        /// The chain that would be.
        to: ChainId,
    },
    /// A key that can be looked at is not the one that signs.
    #[error(
        "{chain}: {place} holds another key now (address {now}) than the one that signs (address {signs}): the state of a \
         chain belongs to its key; put the key back, or give the new one a `state_file` of its own and restart tmkms"
    )]
    AnotherKey {
        /// The chain.
        chain: ChainId,
        /// Where the key is.
        place: String,
        /// The address of the key that is there.
        now: String,
        /// The address of the key that signs.
        signs: String,
    },
    /// Two keys of a chain are one.
    #[error(
        "{chain}: {place} holds the same key (address {address}) as another section of this chain: it has one state and signs \
         at all of its heights; name the new key, or remove the section"
    )]
    SameKey {
        /// The chain.
        chain: ChainId,
        /// Where the key is.
        place: String,
        /// Its address.
        address: String,
    },
    /// A key is removed before its successor has its turn.
    #[error(
        "{chain}: the {gone} signs at the next height, {next}, and would be removed, and the {instead}, which would have its place, \
         {why}; remove it later. If the chain is past that height by now, because no node asked for a vote on the way, restart \
         tmkms to follow this configuration"
    )]
    TooEarly {
        /// The chain.
        chain: ChainId,
        /// Where the key is that is removed.
        gone: String,
        /// The height.
        next: Height,
        /// Where the other key is.
        instead: String,
        /// Why that one does not sign there.
        why: String,
    },
    /// A key that can be looked at cannot be opened.
    #[error("{chain}: {why}")]
    Key {
        /// The chain.
        chain: ChainId,
        /// Why not, with the remedy.
        why: String,
    },
    /// The new address of the metrics.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// What is set at the start only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fixed {
    #[error("`control_socket`")]
    Control,
    #[error("`state_file` of {0}")]
    StateFile(ChainId),
    /// That of a chain with several keys. A restart would go on from another state, and that may be the wrong one.
    #[error("`state_file` of {chain}")]
    StateOfKey {
        /// The chain.
        chain: ChainId,
        /// The section that names it.
        section: String,
        /// The line that names the state in use.
        line: String,
    },
    #[error("`allow_ephemeral_state` of {0}")]
    AllowEphemeralState(ChainId),
    #[error("`lock_dir` (for {0})")]
    LockDir(ChainId),
    #[error("`store` or [etcd] of {0}")]
    Etcd(ChainId),
}

/// What to do instead.
fn undo(fixed: &[Fixed]) -> String {
    let line = |one: &Fixed| match one {
        Fixed::StateOfKey { section, line, .. } => Some(format!("`{line}` into {section}")),
        _ => None,
    };
    let lines: Vec<String> = fixed.iter().filter_map(line).collect();
    match (lines.len(), lines.len() == fixed.len()) {
        (0, _) => "undo that, or restart tmkms to follow it".to_owned(),
        (_, true) => format!("write {}", lines.join(" and ")),
        (_, false) => format!("write {}, and undo the rest", lines.join(" and ")),
    }
}
