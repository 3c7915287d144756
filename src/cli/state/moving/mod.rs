//! `tmkms state move`: a chain goes to another host, in a bundle.

mod bring;
mod etcd;
mod one_key;
mod out;
mod paused;
mod service;

use clap::Subcommand;

use crate::cli::report::Failure;
use crate::terminal::Terminal;

use bring::In;
use out::Out;

/// Away from this host, or to it.
#[derive(Subcommand)]
pub(in crate::cli) enum Move {
    /// Hand a chain over: seals its state here for good, and makes a bundle for the other host
    Out(Out),
    /// Take a chain in from a bundle of another host, once
    In(In),
}

impl Move {
    pub(in crate::cli::state) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        match self {
            Self::Out(command) => command.run(),
            Self::In(command) => command.run(terminal),
        }
    }
}
