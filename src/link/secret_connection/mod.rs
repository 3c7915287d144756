//! SecretConnection, the encrypted and authenticated stream between CometBFT nodes and their signers, without I/O.
//!
//! Source: `p2p/conn/secret_connection.go` of CometBFT (the same on the wire from v0.34 to v1.0; in v0.40
//! `p2p/transport/tcp/conn`). Both roles do the same: exchange ephemeral X25519 keys, derive two ChaCha20-Poly1305
//! keys, and prove the long-term Ed25519 key by a signature over the transcript.

mod frames;
mod handshake;

pub use frames::{DATA, Opener, SEALED, SealError, Sealer};
pub use handshake::{AwaitAuth, Established, HELLO, Handshake, HandshakeError};
