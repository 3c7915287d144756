//! Noise links, the encrypted and authenticated stream of `noise://` between CometBFT v0.40 and its signer, without I/O.
//!
//! `Noise_XX_25519_ChaChaPoly_SHA256` (noiseprotocol.org, revision 34) straight on TCP, with the identity payload of libp2p
//! (`github.com/libp2p/specs`, `noise/README.md`), as `privval/noise_listener.go` of CometBFT v0.40.0 has it from go-libp2p
//! v0.47.0. We are the initiator; the responder's side is the harness's and the tests'.
//!
//! `xx.rs` is Noise itself and knows nothing of libp2p, `handshake.rs` puts the proofs of identity into it, `frames.rs` is
//! what comes afterwards.

mod frames;
mod handshake;
mod multibase;
mod payload;
mod peer_id;
mod symmetric;
mod xx;

pub use frames::{MOST_PLAIN, NoiseFrameError, NoiseOpener, NoiseSealer};
pub use handshake::{
    HELLO_FRAME, LONGEST_MESSAGE, NoiseAnswered, NoiseDialled, NoiseError, NoiseKeys, NoiseMet,
    NoiseRandom, announced,
};
pub use peer_id::{Libp2pId, NotALibp2pId};
