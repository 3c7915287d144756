//! The links between the members of one shared key.
//!
//! Each member dials those with lower ids and is dialled by those with higher ones (`ways/`), over SecretConnection with both sides
//! pinned. A link (`pair/`) has a thread that reads and one that sends; each member has one that answers its questions, so that
//! answers to ours never wait for a disk. Whoever else comes to the one port is turned away at the door (`door/`).

mod door;
mod links;
mod pair;
mod sample;
mod settings;
mod shared;
mod ways;
mod wire;

pub use links::PeerLinks;
pub use sample::{AnswerCounts, DoorSample, PeerSample};
pub use settings::{PeerPlace, PeerTimes, PeersSettings};
pub use wire::{HelloError, PeerHello, PeerMessage, PeerMessageError, longest_asked};
