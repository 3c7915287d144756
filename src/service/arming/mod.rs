//! From a chain of the configuration to one that signs, and back to it when its key, device or store failed.

mod arm;
pub mod hook;
mod mend;
mod told;
mod work;

pub(super) use arm::{Identities, SquattedName};
pub use arm::{NOTICED, identity_of, store_of, with_older_files};
pub(super) use mend::{Mending, arm_beside, arm_now};
pub(super) use work::Work;
