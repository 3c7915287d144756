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
pub mod codec;
pub mod gate;
pub mod link;
pub mod reply;
pub mod request;
pub mod signer;
// What the flow is made of.
pub mod consensus;
pub mod os;
