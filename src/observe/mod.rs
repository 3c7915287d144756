//! What the operator sees, on one way: a session tells a [`sink`], the sink counts in [`stats`], a reader copies them into a
//! snapshot, and [`registry`] makes of all snapshots what is served: the status, the page and the metrics.

pub mod disk;
pub mod health;
pub mod log;
pub mod metrics;
pub mod registry;
pub mod serve;
pub mod sink;
pub mod stats;
pub mod status;
