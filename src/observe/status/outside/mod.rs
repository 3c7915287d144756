//! What others say: etcd, the other members of a shared key, and the chain itself.

pub(super) mod cosigner;
pub(super) mod cosigners;
pub(super) mod rpc;
pub(super) mod shared;
