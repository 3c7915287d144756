//! What the operator sees.

pub mod board;
pub mod book;
pub mod heights;
pub mod latency;
pub mod log;
pub mod metrics;
pub mod page;
pub mod status;
