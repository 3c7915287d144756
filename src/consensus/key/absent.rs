//! A key type that this build was made without: no bytes are a key, and nothing verifies.

/// No key.
pub(super) fn is_key(_: &[u8]) -> bool {
    false
}

/// Of no key.
pub(super) fn address(_: &[u8]) -> [u8; 20] {
    [0; 20]
}

/// Of nothing.
#[cfg(not(feature = "secp256k1eth"))]
pub(super) fn digest(_: &[u8]) -> [u8; 32] {
    [0; 32]
}

/// Nothing verifies.
pub(super) fn verify(_: &[u8], _: &[u8], _: &[u8]) -> bool {
    false
}
