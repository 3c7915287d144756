//! A private key in memory, and the forms in which files hold it: a file for what all types share, and one for each type.

#[cfg(not(all(feature = "secp256k1eth", feature = "bls12_381", feature = "ml_dsa_65")))]
mod absent;
#[cfg(feature = "bls12_381")]
mod bls12_381;
mod ed25519;
mod error;
mod json;
#[cfg(feature = "ml_dsa_65")]
mod ml_dsa_65;
mod secp256k1;
#[cfg(feature = "secp256k1eth")]
mod secp256k1eth;
mod secret;
mod soft_key;

#[cfg(not(feature = "bls12_381"))]
use absent as bls12_381;
#[cfg(not(feature = "ml_dsa_65"))]
use absent as ml_dsa_65;
#[cfg(not(feature = "secp256k1eth"))]
use absent as secp256k1eth;

pub use error::SoftKeyError;
pub use soft_key::SoftKey;
