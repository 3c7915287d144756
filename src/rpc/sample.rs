//! What there is to see of a chain's RPC.

use std::time::Duration;

use crate::consensus::Height;

use super::standing::{SlashingRecord, ValidatorStanding};
use super::tally::Tally;

/// What there is to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcSample {
    /// Each endpoint.
    pub endpoints: Vec<EndpointSample>,
    /// The height of the chain's newest block, as most of them say.
    pub height: Option<i64>,
    /// Our place in the validator set, as most of them say.
    pub standing: Option<ValidatorStanding>,
    /// What the application knows of a validator that is not in the set, as most of them say; `None` where it is in the set, or
    /// nothing is known.
    pub slashing: Option<SlashingRecord>,
    /// The latest height at which our key verifiably signed.
    pub signed: Option<SignedHeight>,
    /// What became of our votes.
    pub tally: Tally,
    /// The last height at which a second signer with our key was noticed.
    pub second: Option<Height>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSample {
    /// Scheme, host and port.
    pub name: String,
    /// Whether it answered when it was last asked.
    pub up: bool,
    /// Why it is not used, if so.
    pub trouble: Option<String>,
    /// The height of its newest block.
    pub height: Option<i64>,
    /// It is still fetching blocks, so it is not asked about votes.
    pub catching_up: bool,
    /// For how long its height has stood still, where that is a minute or more.
    pub stands: Option<Duration>,
    /// Its height stands still while another's rises, so it is not followed.
    pub left_behind: bool,
}

/// A committed height at which our key verifiably signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedHeight {
    /// The height.
    pub height: Height,
    /// How many endpoints have shown our vote at it, or at a later one.
    pub shown_by: usize,
    /// How many endpoints answer.
    pub answering: usize,
}
