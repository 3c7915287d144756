//! What the operator sees.

pub mod board;
pub mod log;
pub mod status;
