//! Shares of a key: what the gate of each host that has one says (W18).

mod admission;
mod cosigned;

pub use admission::ShareAdmission;
pub use cosigned::Learned;
