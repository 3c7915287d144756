//! What is counted. Each sort of statistics gives a snapshot, a copy of a moment, to whoever reads it.

pub mod chain;
pub mod heights;
pub mod latency;
pub mod link;
