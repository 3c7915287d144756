//! `tmkms pause` and `tmkms resume`: whether a chain is signed for, through the running service or for the next start.

mod begin;
mod end;
mod offline;

pub(super) use begin::PauseChain;
pub(super) use end::ResumeChain;
