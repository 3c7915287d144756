//! What the gate asks of a store, whatever keeps it.

use std::time::Duration;

use crate::gate::used_up::UsedUp;
use crate::gate::watermark::Watermark;

use super::moved::Moved;
use super::record::{Origin, Record};

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

    /// The last move of the chain, where there was one and the store remembers it.
    fn moved(&self) -> Option<Moved> {
        None
    }

    /// The last call but one, because another host goes on: this watermark, reached at the wall time `written`, becomes durable
    /// as handed over, and nothing is stored any more. Only a store of one host can do that.
    fn seal(
        &mut self,
        _watermark: &Watermark,
        _written: Duration,
        _moved: Moved,
    ) -> Result<(), StoreError> {
        let why = "a watermark that other hosts share is not handed over to one of them";
        Err(StoreError::Failed(why.to_owned()))
    }

    /// The last call: nothing is stored any more, and a store that knows what it stored last says so to its next
    /// [`Store::load`].
    fn close(&mut self) -> Result<(), StoreError>;
}
