//! `tmkms`: a remote signer for CometBFT (Tendermint) validators.
//!
//! A sign request travels through the folders of this crate in this order:
//!
//! ```text
//!  link -> codec -> request -> gate -> signer -> reply
//! ```
//!
//! `session::serve` is that sentence as code. Nothing is signed without a permit of the gate, and a permit
//! exists only after the watermark is durable.

// The flow.
pub mod link;
pub mod codec;
pub mod request;
pub mod gate;
pub mod cosigner;
pub mod signer;
pub mod backends;
pub mod reply;
// What the flow is made of.
pub mod consensus;
pub mod events;
pub mod https;
pub mod networks;
pub mod rpc;
pub mod shares;
pub mod os;
pub mod reason;
pub mod remedy;
pub mod secret_file;
pub mod terminal;
pub mod threads;
pub mod settings;
pub mod text;
// What runs the flow.
pub mod chain;
pub mod session;
pub mod service;
pub mod observe;
pub mod harness;
pub mod config;
pub mod migrate;
pub mod cli;

/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from, or `unknown`.
pub const COMMIT: &str = env!("TMKMS_COMMIT");
