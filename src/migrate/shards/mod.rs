//! Shards of an Ed25519 key as horcrux deals them: read, held against each other, and put together to the key.
//!
//! A shard is the value of a polynomial over the group order L at the shard's id, and the polynomial's value at 0 is the key's
//! scalar (Shamir, 1979). Nothing in a shard says how many of them are needed; whether some are enough is seen by the public key
//! that they give.

mod clamped;
mod combine;
mod fit;
mod shard;

pub use combine::{NotExpandable, expanded_key};
pub use fit::{MOST, ShardFit, ShardFitError, fit};
pub use shard::{Shard, ShardError};
