//! Keys in files, signed with in this process.

pub mod config;
pub mod key;
mod key_file;
mod sign;

pub use key_file::{FileFormat, KeyFile};
