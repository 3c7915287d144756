//! Keys in files, signed with in this process.

pub mod config;
pub mod key;
mod key_file;
pub mod passphrase;
pub mod pem;
mod sign;
mod tried;

pub use key_file::{FileFormat, KeyFile};
