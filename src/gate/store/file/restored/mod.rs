//! How a state file that was restored from a backup is known (W15).

pub mod clean_stop;
pub(super) mod familiar;
