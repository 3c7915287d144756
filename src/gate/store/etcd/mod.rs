//! One watermark for several hosts: a key in etcd, replaced by compare-and-swap, with the host's own file as the floor
//! under it (W17).
//!
//! A vote is one transaction: the key is at the revision that we know and was created when we joined; then it becomes our
//! record. Whatever number of hosts try, one revision is replaced once. Then the local file, and only then a permit.

mod api;
mod cas;
mod latch;
mod membership;
mod members;
mod outcome;
mod probe;
mod version;

mod settings;
mod shared;
mod stats;
mod value;
mod watch;

pub use cas::{Found, KeyError, SharedKey};
pub use latch::{Latch, Told, judge};
pub use membership::{Membership, MembershipError, PATIENCE, host_id, shared_value};
pub use probe::{Report, probe};
pub use settings::{Settings, SettingsError};
pub use shared::{ShareError, SharedStore};
pub use stats::{SharedSample, SharedStats};
pub use value::{Host, Value};
pub use watch::{SharedHandle, Watcher};

/// Reads an answer to a transaction, and the value in it, as the store does; for fuzzing.
#[doc(hidden)]
pub fn read_answer(
    answer: &crate::https::Answer,
    chain_id: &crate::consensus::ChainId,
    public_key: &crate::consensus::PublicKey,
) -> Option<Value> {
    match outcome::outcome(&Ok(answer.clone())) {
        outcome::Outcome::Holds(_, kv) => value::decode(&kv.value, chain_id, public_key).ok(),
        _ => None,
    }
}
