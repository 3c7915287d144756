//! Bytes to and from a node: we dial out, the node listens. Members of a shared key are linked in the same way.
//!
//! Everything here but the look-up of a name runs on its caller's thread; nothing else outlives its [`Connection`].

pub mod address;
mod connect;
mod connection;
mod dial;
mod error;
pub mod identity;
mod in_line;
pub mod names;
pub mod noise;
pub mod redial;
pub mod secret_connection;
mod shaking;
mod timeouts;

pub use address::Address;
pub use connection::{Closer, Connection, Frame, Peer, Receiving, Sending};
pub use dial::{Dialer, accept_allowed, accept_noise, accept_tcp, accept_unix, dial};
pub use error::LinkError;
pub use identity::{IdentityKey, PeerId};
pub use noise::Libp2pId;
pub use timeouts::Timeouts;
