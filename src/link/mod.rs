//! Bytes to and from a node: we dial out, the node listens.
//!
//! Everything here but the look-up of a name runs on its caller's thread; nothing else outlives its [`Connection`].

pub mod address;
mod connect;
mod connection;
mod dial;
mod error;
pub mod identity;
pub mod names;
pub mod redial;
pub mod secret_connection;
mod timeouts;

pub use address::Address;
pub use connection::{Closer, Connection, Frame};
pub use dial::{Dialer, accept_tcp, accept_unix, dial};
pub use error::LinkError;
pub use identity::{IdentityKey, PeerId};
pub use timeouts::Timeouts;
