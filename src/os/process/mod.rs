//! This process, its threads and what it may keep from others; and the other processes of the host, as far as they may be
//! seen.

pub mod beat;
pub mod handover;
pub mod harden;
pub mod holder;
pub mod namespace;
pub mod priority;
pub mod run;
pub mod signals;
pub mod survey;
pub mod usage;
