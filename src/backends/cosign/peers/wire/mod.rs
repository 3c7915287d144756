//! What travels between two members.

mod hello;
mod message;
mod shapes;

pub use hello::{HelloError, PeerHello};
pub use message::{MOST_CHAINS, PeerMessage, PeerMessageError, longest_asked};
