//! Our place in the validator set.

/// Our place in the validator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidatorStanding {
    /// In it, with this voting power.
    Power(i64),
    /// Not in it: jailed, tombstoned or not bonded; the RPC does not say which.
    Outside,
}
