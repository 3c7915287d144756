//! What only some operating systems have, each piece with its stated fallback.

pub mod clock;
pub mod files;
pub mod host_checks;
pub mod host_name;
pub mod pair_lock;
pub mod process;
pub mod unix_socket;
pub mod users;
