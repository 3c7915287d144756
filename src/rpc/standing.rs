//! Our place in the validator set, and what the application knows of a validator that is in none: the record of the module
//! `slashing` of the Cosmos SDK.
//!
//! That is read from the store itself, because its key needs no Bech32 prefix, which differs from chain to chain: `0x01`, the length of
//! the address and the address (`x/slashing/types/keys.go`, the same from v0.43 to v0.53). A chain without the module has nothing
//! there. Nothing of it is proven, and nothing is signed or refused by it.

use std::time::Duration;

/// Our place in the validator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidatorStanding {
    /// In it, with this voting power.
    Power(i64),
    /// Not in it: jailed, tombstoned or not bonded; CometBFT does not know which.
    Outside,
}

/// What `slashing` keeps of a validator (`ValidatorSigningInfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlashingRecord {
    /// It was punished for a double sign, and its key never validates on this chain again.
    pub tombstoned: bool,
    /// Until when it was jailed last, since 1970-01-01 UTC; `None` where it never missed too many blocks. An end that is past does
    /// not say whether somebody has unjailed it.
    pub jailed_until: Option<Duration>,
}

/// The bytes of the key in the store of `slashing`.
pub(super) fn store_key(address: &[u8; 20]) -> Vec<u8> {
    let length = u8::try_from(address.len()).unwrap_or(u8::MAX);
    [&[1, length], address.as_slice()].concat()
}
