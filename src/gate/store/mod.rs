//! Where a watermark is kept so that a power cut cannot undo it.
//!
//! [`Store`] is compare-and-swap by sequence number, because a store may be shared by two hosts.

pub mod etcd;
pub mod file;
mod sealed;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::used_up::UsedUp;
use super::watermark::Watermark;

/// What a store keeps: the watermark, and when and why it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Grows with each write; a shared store's token for compare-and-swap.
    pub sequence: u64,
    /// What is used up.
    pub watermark: Watermark,
    /// Who raised the watermark to where it is.
    pub origin: Origin,
    /// Wall-clock time of the write, since 1970-01-01 UTC.
    pub written: Duration,
}

/// What a host has seen of a shared store. It is kept in the host's own file, so that a shared store that was set back,
/// or replaced by another, is known as such (W17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The cluster that holds it.
    pub cluster_id: u64,
    /// The revision that created the key; a key that was deleted and made anew has another.
    pub create_revision: i64,
    /// The highest revision of the store that was seen.
    pub revision: i64,
    /// The sequence of the newest shared record that was seen.
    pub sequence: u64,
    /// This host's own number, by which it knows its own records.
    pub host_id: u64,
}

/// Who raised a watermark to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The operator, by `state init`, or by `state import` or `adopt` where nothing was known: the first advance from
    /// here is free (W11).
    Begun,
    /// The operator, above what was known: the bucket decides how far the next height may be.
    Raised,
    /// A sign request.
    Request,
    /// The operator, by `state export --retire`: another signer goes on from here, and this program signs no more.
    HandedOver,
}

impl Origin {
    /// The word in a record.
    fn word(self) -> &'static str {
        match self {
            Self::Begun => "operator",
            Self::Raised => "raise",
            Self::Request => "request",
            Self::HandedOver => "handed-over",
        }
    }

    /// The origin of a word; `None` for any other.
    fn of_word(word: &str) -> Option<Self> {
        let all = [Self::Begun, Self::Raised, Self::Request, Self::HandedOver];
        all.into_iter().find(|origin| origin.word() == word)
    }
}

/// What [`Store::load`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The newest good record.
    pub record: Record,
    /// Why half of the store could not be read, if so: then a record one height above may be lost, and
    /// everything at or below `record`'s height + 1 is refused, replays included.
    pub damage: Option<String>,
    /// What the operator should know of how it is kept from now on.
    pub notice: Option<String>,
}

impl Loaded {
    /// What that means for the chain and key.
    pub fn used_up(&self) -> UsedUp {
        UsedUp::of(&self.record, self.damage.is_some())
    }
}

/// Why a watermark is not durable.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another host wrote a newer record to a shared store; judge again by that one.
    #[error("another signer has stored a newer watermark (sequence {})", .0.sequence)]
    Superseded(Box<Record>),
    /// The store failed, or may have; nobody knows what a power cut would leave. The text says what was tried,
    /// on which path, and what to do.
    #[error("{0}")]
    Failed(String),
}

/// A durable watermark.
pub trait Store: Send {
    /// Reads what is stored.
    fn load(&mut self) -> Result<Loaded, StoreError>;

    /// Replaces the record with sequence `expected` by this watermark. `Ok` gives the record as written, and
    /// means that a power cut cannot undo it (W3).
    fn persist(
        &mut self,
        expected: u64,
        next: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError>;

    /// How long the next `persist` or `rebuild` may take, where that depends on other hosts. Without this call a store
    /// takes what it thinks right.
    fn allow(&mut self, _time: Duration) {}

    /// Whether a store that failed may work again at the next request already, because the trouble is on the way to
    /// other hosts and not in this one's disk.
    fn is_remote(&self) -> bool {
        false
    }

    /// Takes in what was learned of other hosts since the last call, without waiting for them: a newer record, already
    /// durable here, or why nothing may be signed any more.
    fn refresh(&mut self) -> Result<Option<Record>, StoreError> {
        Ok(None)
    }

    /// After a failed [`Store::persist`]: writes this watermark completely to a new place (W8). `Ok` means
    /// what it means for `persist`.
    fn rebuild(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError>;

    /// The last call: nothing is stored any more, and a store that knows what it stored last says so to its next
    /// [`Store::load`].
    fn close(&mut self) -> Result<(), StoreError>;
}
