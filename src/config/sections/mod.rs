//! What stands in one section: its values, read and judged.

pub(super) mod chain;
pub(super) mod etcd;
pub(super) mod guard;
pub(super) mod log;
pub(super) mod metrics;
pub(super) mod state_hook;
pub(super) mod rpc;
