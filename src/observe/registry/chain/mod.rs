//! What is known of a chain of the configuration and of its links.

mod entry;
mod look;
mod sample;
mod status;

pub(crate) use entry::{ChainEntry, LinkEntry, RegisteredKey};
