//! A key in memory as the chains know it.

use crate::consensus::{PublicKey, Signature};
use crate::gate::Prepared;
use crate::gate::permit::Permit;
use crate::signer::{Signer, SignerError};

use super::key::{SoftKey, SoftKeyError};

impl Signer for SoftKey {
    fn public_key(&self) -> PublicKey {
        SoftKey::public_key(self)
    }

    /// Any length, any kind.
    fn accepts(&self, _: &Prepared) -> Result<(), SignerError> {
        Ok(())
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        self.sign_bytes(permit.bytes()).map_err(|error| {
            let text = format!(
                "the key of address {}: {error}",
                SoftKey::public_key(self).address()
            );
            match error {
                SoftKeyError::WrongSignature => SignerError::WrongSignature(text),
                _ => SignerError::Failed(text),
            }
        })
    }
}
