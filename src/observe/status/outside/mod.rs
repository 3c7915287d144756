//! What others say: etcd, and the chain itself.

pub(super) mod rpc;
pub(super) mod shared;
