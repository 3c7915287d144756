//! The watermark in one preallocated file of two slots, written in turn, in place, and flushed.
//!
//! Owns W3 (durable before signing), W6 (kernel locks, and the path must still name the locked file), W15 (a restored
//! file is not armed) and the disk's part of W8. The layout is described in `docs/watermark.md`.

mod error;
mod file_store;
mod folder;
pub mod format;
pub mod layout;
pub mod medium;
mod open;
mod place;
mod restored;
mod write;

pub use error::OpenError;
pub use file_store::FileStore;
pub use folder::{create_folder, meant_for};
pub use open::{Inspected, Newest, inspect, inspect_given_away, newest};
pub use place::StateFile;
pub use restored::clean_stop;
pub use restored::familiar::{TOLERANCE, Unfamiliar};
