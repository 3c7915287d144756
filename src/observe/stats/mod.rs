//! What is counted. Whoever reads statistics gets a snapshot: a copy of one moment.

pub mod chain;
pub mod heights;
pub mod latency;
pub mod link;
