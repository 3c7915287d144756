//! What only some operating systems have, each piece with its stated fallback.

pub mod priority;
pub mod beat;
pub mod clock;

pub mod filesystem;
pub mod handover;
pub mod harden;
pub mod holder;
pub mod namespace;
pub mod pair_lock;
pub mod process;
pub mod rename;
pub mod replace;
pub mod signals;
pub mod strangers;
pub mod host_checks;
pub mod unix_socket;
pub mod users;
