//! `tmkms demo`.
use super::report::Failure;
use clap::Args;
/// Show it work.
#[derive(Args)]
pub(super) struct Demo {}
impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        Ok(())
    }
}
