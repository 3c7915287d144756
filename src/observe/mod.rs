//! What the operator sees.

pub mod link_stats;
pub mod chain_stats;
pub mod heights;
pub mod latency;
pub mod log;
pub mod metrics;
pub mod page;
pub mod status;
