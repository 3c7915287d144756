//! The interface to whatever holds a key. No devices here: those are in `backends`.

use crate::consensus::{PublicKey, Signature};
use crate::gate::permit::Permit;

/// A key that can sign, wherever it lives.
pub trait Signer: Send + Sync {
    /// The key's public half, known since the key was opened.
    fn public_key(&self) -> PublicKey;

    /// Signs the permit's bytes, or says why not before [`Permit::until`].
    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError>;
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
    /// What came back is not the configured key's signature of these bytes (W13).
    #[error("{0}")]
    WrongSignature(String),
}
