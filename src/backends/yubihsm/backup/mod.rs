//! Keys on a device and their backups: exported under a wrap key into a file, opened again on this host, and compared.
//! Backups are made by commands; the service only reads in `log` when each was last proven.

mod file;
pub mod log;
pub mod wrap;

pub use file::{BackupError, NewKey, check, is_named, open, read, shown, write};
