//! Public keys, signatures and addresses of validators: a file for what all types share, and one for each type.

#[cfg(not(all(feature = "secp256k1eth", feature = "bls12_381", feature = "ml_dsa_65")))]
mod absent;
mod address;
#[cfg(feature = "bls12_381")]
mod bls12_381;
mod digits;
mod ed25519;
mod key_type;
#[cfg(feature = "ml_dsa_65")]
mod ml_dsa_65;
mod public_key;
mod secp256k1;
#[cfg(feature = "secp256k1eth")]
mod secp256k1eth;
mod signature;

#[cfg(not(feature = "bls12_381"))]
use absent as bls12_381;
#[cfg(not(feature = "ml_dsa_65"))]
use absent as ml_dsa_65;
#[cfg(not(feature = "secp256k1eth"))]
use absent as secp256k1eth;

pub use address::ValidatorAddress;
pub use key_type::KeyType;
pub use public_key::{PublicKey, PublicKeyError};
pub use signature::Signature;
