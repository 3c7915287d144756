//! What the operator sees. A fact goes one way: a session tells a [`sink`], which counts in [`stats`]; a reader copies those
//! into a snapshot; the [`registry`] makes the status and the metrics of all snapshots, and [`serve`] serves them.

pub mod disk;
pub mod health;
pub mod log;
pub mod metrics;
pub mod registry;
pub mod serve;
pub mod sink;
pub mod stats;
pub mod status;
