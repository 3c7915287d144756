//! `tmkms state`: the watermark of a chain, shown, begun, taken over and given back. Only `raise` can lower it, when told
//! so twice.

pub(super) mod chain;
mod export;
pub(super) mod height;
mod import;
mod init;
mod join;
mod leave;
mod moving;
mod raise;
mod share;
mod shared;
mod show;

use clap::Subcommand;

use crate::terminal::Console;

use super::report::Failure;
use export::Export;
use import::Import;
use init::Init;
use join::Join;
use leave::Leave;
use moving::Move;
use raise::Raise;
use share::Share;
use show::Show;

/// The double-sign watermark.
#[derive(Subcommand)]
pub(super) enum State {
    /// Show each chain's watermark; safe beside a running service
    Show(Show),
    /// Begin the watermark of a chain that has none
    Init(Init),
    /// Take over the state file of another signer, or one of this program that was copied
    Import(Import),
    /// The way back: write a chain's watermark as another signer keeps it
    Export(Export),
    /// Raise the watermark to a height; the remedy when a chain is too far ahead
    Raise(Raise),
    /// Put a chain's watermark into etcd, so that several hosts may sign for it
    Share(Share),
    /// Take part in a chain that another host shares in etcd
    Join(Join),
    /// End the sharing: only this host goes on, or with `--abandon` the others without it
    Leave(Leave),
    /// Move a chain to another host: out of this one, or in
    #[command(subcommand)]
    Move(Move),
}

impl State {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Show(command) => command.run(),
            Self::Init(command) => command.run(&mut Console),
            Self::Import(command) => command.run(&mut Console),
            Self::Export(command) => command.run(&mut Console),
            Self::Raise(command) => command.run(&mut Console),
            Self::Share(command) => command.run(&mut Console),
            Self::Join(command) => command.run(&mut Console),
            Self::Leave(command) => command.run(&mut Console),
            Self::Move(command) => command.run(&mut Console),
        }
    }
}
