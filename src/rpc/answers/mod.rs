//! What a node's RPC answers, read from the bytes that came: `/status`, `/commit`, `/validators` and one
//! `/abci_query`, whose JSON has been the same
//! from Tendermint v0.34 to CometBFT v1.0 (`rpc/core/types/responses.go`). The answers of real nodes of each series are in
//! `tests/rpc/`.
//!
//! Of a stranger: lengths are bounded before, numbers of elements here, and nothing but our own entry of a commit is kept.

mod go_time;
mod read;
mod shapes;
mod slashing;

pub use read::{
    CommitAnswer, LONGEST_STATUS, LONGEST_VALIDATORS, NodeStatus, PER_PAGE, ValidatorsPage,
    longest_commit, read_commit, read_status, read_validators,
};
pub use slashing::{LONGEST_RECORD, read_slashing};
