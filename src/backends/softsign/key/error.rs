//! Why bytes are not a private key.

use crate::consensus::KeyType;
use crate::secret_file::kind::FileKind;

/// Why bytes are not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoftKeyError {
    /// It is something else, and known as that.
    #[error("{0}")]
    OtherKind(FileKind),
    /// Not base64.
    #[error("it is not base64 with padding")]
    NotBase64,
    /// A length that no key has.
    #[error("it holds {got} bytes, and {wanted}")]
    Length {
        /// The number of bytes found.
        got: usize,
        /// What would be right.
        wanted: &'static str,
    },
    /// The bytes are of the right length and still no key.
    #[error("its bytes are not a private key: {0}")]
    Invalid(&'static str),
    /// The JSON is not that of `priv_validator_key.json`.
    #[error("it is not the JSON of a priv_validator_key.json: {0}")]
    Json(String),
    /// The JSON names another key type than the configured one.
    #[error(
        "it holds a key of type {found}, and this section wants {wanted}; if that is the right file, set `algorithm = \"{found}\"` in place of `key_type`"
    )]
    Type {
        /// The type in the file.
        found: KeyType,
        /// The configured one.
        wanted: KeyType,
    },
    /// The type is one that this program knows, and was built without.
    #[error("this tmkms was built without keys of type {0}; use a build with the feature {0}")]
    NotBuilt(KeyType),
    /// The public key or address in the file belongs to another private key.
    #[error("its {0} does not belong to its private key: the file was edited or damaged")]
    Mismatch(&'static str),
    /// The signature could not be made.
    #[error("the signature could not be computed")]
    Sign,
    /// What was written as a key is not read as this one.
    #[error(
        "what would have been written is not read as this key again, so nothing was written; the memory of this machine may be \
         faulty"
    )]
    NotReadAgain,
    /// A key is made of them.
    #[error("no random numbers: {0}")]
    NoRandom(String),
    /// ML-DSA needs a thread with a stack of its own, and this host has no room for one now.
    #[error(
        "the system gives this process no further thread, which keys of type ml_dsa_65 need: {0}; raise its limits of threads and \
         memory (`TasksMax=` and `MemoryMax=` in the systemd unit, or those of the container)"
    )]
    NoThread(String),
    /// The signature was computed, and is none (W13).
    #[error(
        "what was computed is not this key's signature: the memory or processor of this host is broken"
    )]
    WrongSignature,
}
