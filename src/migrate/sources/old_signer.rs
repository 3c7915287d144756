//! The programs whose chains can be taken over.

/// Whose files they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldSigner {
    /// The older tmkms, or this one after a move.
    Tmkms,
    /// A node that signs with its own key.
    Cometbft,
    /// horcrux.
    Horcrux,
    /// cosmos/kms.
    CosmosKms,
}
