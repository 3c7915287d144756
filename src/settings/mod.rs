//! What an operator wrote: tables of a TOML file read key by key, with the place of each value; paths and secrets as they
//! are written there; and what to say of a word that is not known.

mod known_devices;
mod paths;
mod plain_name;
mod problem;
mod spanned;
mod suggestions;
mod table_reader;
mod tables;

pub use known_devices::KnownDevices;
pub use paths::{Base, place_of};
pub use plain_name::is_plain;
pub use problem::Problem;
pub use spanned::Spanned;
pub use suggestions::nearest;
pub use table_reader::TableReader;
