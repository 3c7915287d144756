//! How links come about: members with lower ids are dialled, and those with higher ids dial.

mod accepting;
mod dialling;
mod known;

pub(super) use accepting::keep_open;
pub(super) use dialling::keep_dialled;
pub(super) use known::keep_known;
