//! secp256k1 keys that sign over Keccak-256, as Ethereum's do.

use k256::ecdsa::SigningKey;
use sha3::{Digest, Keccak256};
use zeroize::Zeroizing;

use crate::consensus::PublicKey;

use super::error::SoftKeyError;
use super::secp256k1::{compressed, scalar};
use super::secret::SigningSecret;

struct EthScalar(SigningKey);

impl SigningSecret for EthScalar {
    fn public_key(&self) -> PublicKey {
        PublicKey::Secp256k1Eth(compressed(self.0.verifying_key()))
    }

    /// `R‖S‖V` with low S; the nonce is that of RFC 6979, as in CometBFT, so that both sign alike.
    fn make(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (signature, id) = self
            .0
            .sign_prehash_recoverable(&Keccak256::digest(bytes))
            .ok()?;
        // V of 2 or 3 is taken by no node; one in 2^127 signatures has it.
        let v = id.to_byte();
        let mut signature = signature.to_bytes().to_vec();
        signature.push(v);
        (v <= 1).then_some(signature)
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let bytes = Zeroizing::new(self.0.to_bytes());
        Zeroizing::new(bytes.to_vec())
    }
}

/// Reads a scalar of 32 bytes.
pub(super) fn read(bytes: &[u8]) -> Result<Box<dyn SigningSecret>, SoftKeyError> {
    Ok(Box::new(EthScalar(scalar(
        bytes,
        "a secp256k1eth key has 32",
    )?)))
}

/// Random bytes are a scalar, nearly always.
pub(super) fn of_seed(seed: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, SoftKeyError> {
    Ok(Zeroizing::new(seed.to_vec()))
}
