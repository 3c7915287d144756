//! One watermark for several hosts: a key in etcd, replaced by compare-and-swap, with the host's own file as the floor
//! under it (W17).
//!
//! A vote is one transaction: the key is at the revision that we know and was created when we joined; then it becomes our
//! record. Whatever number of hosts try, one revision is replaced once. Then the local file, and only then a permit.

mod cas;
mod client;
mod handle;
mod judge;
mod latch;
mod membership;
mod probe;
mod settings;
mod shared;
mod stats;
mod value;
mod watch;

pub use cas::{KeyState, SharedKey, SharedKeyError};
pub use handle::SharedHandle;
pub use judge::judge;
pub use latch::{Latch, LatchMessage};
pub use membership::{Membership, MembershipError, PATIENCE, ShareError, host_id, shared_value};
pub use probe::{Report, probe};
pub use settings::{EtcdSettings, EtcdSettingsError};
pub use shared::SharedStore;
pub use stats::{SharedSample, SharedStats};
pub use value::{Host, SharedValue};
pub use watch::Watcher;

/// What [`read_answer`] makes of an answer.
#[doc(hidden)]
pub struct ReadAnswer {
    /// It says for certain whether the transaction was applied, or what the key holds.
    pub certain: bool,
    /// The value that the key holds, where it is one of this chain and key.
    pub value: Option<SharedValue>,
}

/// Reads an answer to a transaction, and the value in it, as the store does; for fuzzing.
#[doc(hidden)]
pub fn read_answer(
    answer: &crate::https::Answer,
    chain_id: &crate::consensus::ChainId,
    public_key: &crate::consensus::PublicKey,
) -> ReadAnswer {
    let outcome = client::outcome::outcome(&Ok(answer.clone()));
    ReadAnswer {
        certain: outcome.header().is_some(),
        value: match outcome {
            client::outcome::TxnOutcome::Holds(_, kv) => {
                value::decode(&kv.value, chain_id, public_key).ok()
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::PublicKey;

    /// The fuzzer would begin far from what it is to look at otherwise.
    #[test]
    fn the_seeds_of_the_fuzzer_are_answers() {
        for (name, certain, value) in [
            ("put", true, false),
            ("holds", true, true),
            ("missing", true, false),
            ("refused", false, false),
            ("full", false, false),
            ("html", false, false),
        ] {
            let bytes = std::fs::read(format!("fuzz/seeds/etcd/{name}")).unwrap();
            let (status, body) = bytes.split_first_chunk().unwrap();
            let answer = crate::https::Answer {
                status: u16::from_be_bytes(*status),
                body: body.to_vec(),
                date: None,
            };
            let chain = "fuzz-1".parse().unwrap();
            let read = read_answer(&answer, &chain, &PublicKey::Ed25519([7; 32]));
            assert_eq!(
                (read.certain, read.value.is_some()),
                (certain, value),
                "{name}"
            );
        }
    }
}
