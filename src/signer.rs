//! The interface to whatever holds a key. No devices here: those are in `backends`.

use crate::consensus::{Hrs, PublicKey, Signature};
use crate::cosigner::Cosigner;
use crate::gate::Prepared;
use crate::gate::permit::Permit;

/// A key that can sign, wherever it lives.
pub trait Signer: Send + Sync {
    /// The key's public half, known since the key was opened.
    fn public_key(&self) -> PublicKey;

    /// Whether the key can ever sign such a request, with the extension that goes with it: their lengths and kinds. Asked
    /// before the watermark moves, so that what cannot be signed moves no watermark. Must not wait.
    fn accepts(&self, prepared: &Prepared) -> Result<(), SignerError>;

    /// Why the key cannot sign anything at the moment, and what to do. Must not wait.
    fn unavailable_reason(&self) -> Option<String> {
        None
    }

    /// Signs the permit's bytes, or says why not before [`Permit::until`].
    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError>;

    /// Where this host has a share of the key only: what signs with the other hosts. Votes and proposals are signed by it, and
    /// [`Signer::sign`] is for what has no lock.
    fn cosigner(&self) -> Option<&dyn Cosigner> {
        None
    }

    /// Tells that the gate is armed, and where the watermark is: a device that remembers a position of its own is
    /// brought up to it now, outside of any vote.
    fn begin(&self, _last: Option<Hrs>) {}
}

/// For keys whose device takes so many bytes at most: whether request and extension are within that.
///
/// # Errors
/// [`SignerError::TooLong`] with the longer of the two.
pub fn within_length(prepared: &Prepared, longest: usize) -> Result<(), SignerError> {
    match prepared.longest() {
        length if length > longest => Err(SignerError::TooLong { length, longest }),
        _ => Ok(()),
    }
}

/// Why there is no signature. Each text names the key or device and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The device did not answer in time; it may yet have signed.
    #[error("{0}")]
    Late(String),
    /// The device or key refused or failed.
    #[error("{0}")]
    Failed(String),
    /// The message is longer than the device can take; the watermark has not moved.
    #[error(
        "the message has {length} bytes, and this kind of key signs {longest} at most; chains with such vote \
         extensions need another one"
    )]
    TooLong {
        /// Bytes to sign.
        length: usize,
        /// Bytes that the device takes.
        longest: usize,
    },
    /// What came back is not the configured key's signature of these bytes (W13).
    #[error("{0}")]
    WrongSignature(String),
}
