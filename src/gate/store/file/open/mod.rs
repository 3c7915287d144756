//! Everything that is asked of a state file before it is trusted.
//!
//! A file that is missing, empty, of another chain or key, copied, damaged in both halves, or that another
//! process holds is not used; nothing is ever reset (W6, W7, W15).

mod inspect;
pub(super) mod locks;
pub(super) mod look;
mod read;

pub use inspect::{Inspected, inspect, inspect_given_away};
pub use read::{Newest, newest};
