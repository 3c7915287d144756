//! `tmkms harness`: the node's side of the protocol as an operator's tool, for signers of any make.
//!
//! Owns: signatures are asked only for chain ids that begin with `harness-`, or for a chain whose id was typed for a key
//! that was called disposable; never for a chain of the networks table.

mod bench;
mod common;
mod picture;
mod run;

use clap::Subcommand;

use super::report::Failure;

/// Be the node's side: test and measure any remote signer.
#[derive(Subcommand)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  \
                  tmkms harness run --listen tcp://127.0.0.1:26659 --chain-id harness-1\n  \
                  tmkms harness bench --listen tcp://127.0.0.1:26659 --chain-id harness-1"
)]
pub(super) enum Harness {
    /// Test a signer that dials: one table, one exit code for each check
    Run(run::Run),
    /// Measure a signer that dials: latency and rate by type of message
    Bench(bench::Bench),
}

impl Harness {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Run(command) => command.run(),
            Self::Bench(command) => command.run(),
        }
    }
}
