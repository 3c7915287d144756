//! What the operator may set of a gate.

use super::heights::bucket::Rate;

/// Whether vote extensions are signed (W12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignExtensions {
    /// On each precommit for a block, unless the request says skip.
    #[default]
    Auto,
    /// On each precommit for a block, even when the request says skip.
    Always,
    /// Never.
    Never,
}

/// What the operator may set of a gate. Each module with settings has a type of this name, and it is named with its module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether vote extensions are signed.
    pub sign_extensions: SignExtensions,
    /// The shape of the token bucket.
    pub rate: Rate,
}
