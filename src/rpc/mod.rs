//! What the chain itself says, by the RPC of its nodes: whether our votes count.
//!
//! Off the signing path. An endpoint may be slow, lie, hang or be the validator's own node in a stranger's hands, so nothing that
//! it says moves a watermark. Two things are told apart everywhere: that our key signed is proven, by its signature over the
//! canonical bytes; that it did not is only said, and counts when those that answer agree.
//!
//! [`Endpoint`] asks, on a thread of its own; [`answers`] read what comes; [`Witness`] keeps what each of them said, judges each
//! height once, and answers [`Witness::latest_signed`]: the latest committed height at which our key signed.

pub mod address;
mod agreement;
pub mod answers;
mod asking;
mod report;
mod sample;
mod standing;
mod tally;
mod trouble;
mod vote;
mod witness;

pub use address::{RpcAddress, RpcSettings};
pub use asking::{Endpoint, OurKeys, Turn};
pub use sample::{EndpointSample, RpcSample, SignedHeight};
pub use standing::{SlashingRecord, ValidatorStanding};
pub use tally::{GateVote, Tally, VoteOutcome, WINDOW};
pub use trouble::RpcTrouble;
pub use vote::{Sighting, VoteInCommit};
pub use witness::{JudgedHeight, Witness};
