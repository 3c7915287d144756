//! Where a watermark is kept so that a power cut cannot undo it.
//!
//! [`Store`] is compare-and-swap by sequence number, because a store may be shared by two hosts.

pub mod etcd;
pub mod file;
mod interface;
mod moved;
pub mod record;
pub(crate) mod sealed;

pub use interface::{Loaded, Store, StoreError};
pub use moved::{BundleId, Moved, NoBundleId};
pub use record::{Origin, Record, Seen};
