//! The keys of a chain: which of them a request goes to (W23).

mod keys;
mod schedule;

pub use keys::{ChainKeys, Respond};
pub use schedule::KeySchedule;
