//! The keys of a chain: which of them a request goes to (W23).

mod keys;
mod lasting;
mod schedule;

pub use keys::ChainKeys;
pub use lasting::Lasting;
pub use schedule::KeySchedule;
