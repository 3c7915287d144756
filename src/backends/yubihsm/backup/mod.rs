//! Keys on a device and their backups: exported under a wrap key into a file, opened again on this host, and compared.
//! Backups are made by commands; the service only reads in `log` when each was last proven.

mod file;
pub mod log;
pub mod wrap;

pub use file::{
    BackupError, NewKey, Way, check, has_wrap_key, is_named, may_leave, open, read, shown, write,
};
