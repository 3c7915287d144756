//! Why a reload changed nothing.

use crate::consensus::ChainId;
use crate::observe::serve::http::ListenError;

/// Why a reload changed nothing. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The configuration cannot be read, or is wrong.
    #[error("{0}")]
    Configuration(String),
    /// What is set at the start only.
    #[error(
        "{} cannot change while tmkms runs; undo that, or restart tmkms to follow it",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
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
    #[error("`allow_ephemeral_state` of {0}")]
    AllowEphemeralState(ChainId),
    #[error("`lock_dir` (for {0})")]
    LockDir(ChainId),
    #[error("`store` or [etcd] of {0}")]
    Etcd(ChainId),
}
