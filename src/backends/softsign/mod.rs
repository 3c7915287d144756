//! Keys in files, signed with in this process.

pub mod config;
mod kdf_turn;
pub mod key;
mod key_file;
pub mod passphrase;
pub mod pem;
mod sign;
mod tried;

pub use kdf_turn::KdfTurn;
pub use key_file::{FileFormat, KeyFile};
