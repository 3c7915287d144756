//! `tmkms completions` and `tmkms man`: made from the very definition of the command line.

mod chains;
pub(super) mod completions;
pub(super) mod man;
mod roff;
