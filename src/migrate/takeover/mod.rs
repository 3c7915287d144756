//! Taking over another signer's watermark: one piece of code for `adopt`, `state import` and `softsign import`.
//!
//! The higher position counts. Nothing may work in the old signer's home; its files are read again a second later, after
//! the question was answered, and while they are made unusable for it; and `start` looks at their places once more (W20).

mod bury;
pub mod claim;
pub mod current;
pub mod old_state;
pub mod plan;
pub mod plans;
pub mod quiet;
pub mod take;
pub mod take_over;
mod topology;
