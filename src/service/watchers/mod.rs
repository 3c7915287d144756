//! What looks on for a single chain, on threads of its own: at its watermark in etcd, and at what the chain itself says.

pub(super) mod rpc;
pub(super) mod shared;
mod word;
