//! Shares of an Ed25519 key: read, held against each other, and put together to the key.
//!
//! A share is the value of a polynomial over the group order L at the share's id, and the polynomial's value at 0 is the key's
//! scalar (Shamir, 1979). horcrux deals such shares, and so does FROST (RFC 9591, appendix C.1). Nothing in a [`Shard`] of
//! horcrux says how many of them are needed; whether some are enough is seen by the public key that they give. A [`KeyShare`],
//! this program's own file, says it.

mod clamped;
mod combine;
mod fit;
mod key_share;
mod public_shares;
mod quorum;
mod shard;

pub use combine::{NotExpandable, expanded_key};
pub use fit::{ShardFit, ShardFitError, fit};
pub use key_share::{KeyShare, KeyShareError, ShareJsonFault};
pub use public_shares::{PublicShares, PublicSharesError};
pub use quorum::{MOST, Quorum, QuorumError};
pub use shard::{Shard, ShardError};
