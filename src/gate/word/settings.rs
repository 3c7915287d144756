//! What the operator may set of what follows from the chain's word.

/// What is done about a state that is behind the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FloorMode {
    /// Nothing.
    Off,
    /// It is told.
    #[default]
    Warn,
    /// What is not above the chain's word is refused, and nothing is signed before there is one.
    Refuse,
}

/// What is done about a second signer that is noticed after the first signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondSigner {
    /// Nothing: hosts that share the watermark in etcd sign for each other.
    Ignore,
    /// The chain is paused.
    #[default]
    Pause,
    /// It is told.
    Warn,
}

/// What the operator may set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuardSettings {
    /// About a state that is behind.
    pub floor: FloorMode,
    /// How many new blocks are watched before the first signature.
    pub blocks: u32,
    /// About a second signer afterwards.
    pub second: SecondSigner,
}
