//! What is counted. Anyone who reads statistics gets a snapshot: a copy of one moment.

pub mod chain;
pub mod conflict;
pub mod heights;
pub mod histogram;
pub mod latency;
pub mod link;
pub mod precommits;
pub mod skew;
pub mod votes;
