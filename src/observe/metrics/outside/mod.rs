//! What others say: etcd, and the chain itself.

pub(super) mod cosign;
pub(super) mod etcd;
pub(super) mod rpc;
