//! The height that an old file says, and what makes it plausible or not: the watermark would never be below it again.

use std::path::Path;

use crate::consensus::{ChainId, Height};

use super::current::Current;
use super::old_state::OldState;
use super::plan::{Plan, What};

/// Such a height.
pub struct HeightClaim<'a> {
    /// The height that the watermark would be raised to.
    pub height: Height,
    /// The file that says so.
    pub path: &'a Path,
    /// What is known: the chain's own state, or what was signed.
    pub known: Option<Height>,
    /// The chain.
    pub chain: &'a ChainId,
}

impl Plan {
    /// The height that the watermark would be raised to, where it is lower. One that the file holds together with the key's own signature
    /// is known.
    pub fn claim(&self) -> Option<HeightClaim<'_>> {
        let What::Take(take) = &self.what else {
            return None;
        };
        let own = match &take.current {
            Current::Own { used_up, .. } => used_up.watermark().hrs().map(|hrs| hrs.height),
            Current::Nothing | Current::Tombstone(_) | Current::Foreign(_) => None,
        };
        let height = take.raised.hrs()?.height;
        if own.is_some_and(|own| own >= height) {
            return None;
        }
        let known = match take.raised.is_signed_by(&take.place.public_key) {
            true => Some(height),
            false => own,
        };
        let mut all = take.all().into_iter();
        let says = |old: &&OldState| old.foreign.watermark.height() == height.get();
        Some(HeightClaim {
            height,
            path: &all.find(says)?.path,
            known,
            chain: &take.place.chain_id,
        })
    }
}
