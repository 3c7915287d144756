//! A chain: its gate, its key and what is known when one of them is missing (W7).

mod answer;
mod armed;
mod deadline;
mod hand_over;
mod pause;
mod public_key;
mod rotation;
mod seen;
mod signing;
mod state;
mod store;

pub use answer::{Answer, Asker, Releases, Respond};
pub use armed::{Armed, KeySettings};
pub use deadline::{DEADLINE, DEVICE};
pub use hand_over::NotHandedOver;
pub use pause::{ChainPaused, Drained};
pub use rotation::{ChainKeys, KeySchedule, Lasting};
pub use seen::ChainSeen;
pub use state::Chain;
