//! The locks of one signer that is alone with a pair, or of several on one host that share a store, or of members that have a
//! share of the key each. Each of those takes one of a few names, and either kind looks for the others after it has taken its
//! own, so that of two that come at once at least one sees the other.

use super::held::{PairLockError, Remark};
use super::lock::{PairLock, Scopes};

/// How many signers of one host may share a store.
const SHARERS: u8 = 8;

/// The most shares of a key, whose ids count from 1 (`shares::MOST`).
pub const SHARES: u16 = 12;

impl PairLock {
    /// Takes every lock of a signer that is alone with the pair, or none.
    ///
    /// # Errors
    /// Another signer has one, alone or as a sharer; or a lock cannot be taken.
    pub fn take_alone(
        chain_id: &str,
        public_key: &[u8],
        scopes: &Scopes,
    ) -> Result<Self, PairLockError> {
        let lock = Self::take(chain_id, public_key, scopes)?;
        Self::look_at_sharers(chain_id, public_key, scopes)?;
        Self::look_at_members(chain_id, public_key, scopes)?;
        Ok(lock)
    }

    /// Takes every lock of the member with this share, or none. Members with other shares may be on the same host.
    ///
    /// # Errors
    /// Another process has this share, or the whole key; or a lock cannot be taken.
    pub fn take_share(
        chain_id: &str,
        public_key: &[u8],
        share: u16,
        scopes: &Scopes,
    ) -> Result<Self, PairLockError> {
        let lock = Self::take(&member(chain_id, share), public_key, scopes)?;
        Self::look(chain_id, public_key, scopes)?;
        Self::look_at_sharers(chain_id, public_key, scopes)?;
        Ok(lock)
    }

    /// What [`PairLock::take_share`] would meet, without taking anything.
    ///
    /// # Errors
    /// As there.
    pub fn look_share(
        chain_id: &str,
        public_key: &[u8],
        share: u16,
        scopes: &Scopes,
    ) -> Result<Vec<Remark>, PairLockError> {
        let remarks = Self::look(&member(chain_id, share), public_key, scopes)?;
        Self::look(chain_id, public_key, scopes)?;
        Self::look_at_sharers(chain_id, public_key, scopes)?;
        Ok(remarks)
    }

    fn look_at_sharers(
        chain_id: &str,
        public_key: &[u8],
        scopes: &Scopes,
    ) -> Result<(), PairLockError> {
        let all: Vec<String> = (0..SHARERS)
            .map(|number| sharer(chain_id, number))
            .collect();
        Self::look_at_all(&all, public_key, scopes).map(drop)
    }

    fn look_at_members(
        chain_id: &str,
        public_key: &[u8],
        scopes: &Scopes,
    ) -> Result<(), PairLockError> {
        let all: Vec<String> = (1..=SHARES).map(|share| member(chain_id, share)).collect();
        Self::look_at_all(&all, public_key, scopes).map(drop)
    }

    /// Takes every lock of one sharer, or none.
    ///
    /// # Errors
    /// Another signer has the pair alone, or every sharer's place is taken; or a lock cannot be taken.
    pub fn take_shared(
        chain_id: &str,
        public_key: &[u8],
        scopes: &Scopes,
    ) -> Result<Self, PairLockError> {
        Self::take_place(0, chain_id, public_key, scopes)
    }

    /// The first place from `number` on that is free; where all are taken, who has the last one.
    fn take_place(
        number: u8,
        chain_id: &str,
        public_key: &[u8],
        scopes: &Scopes,
    ) -> Result<Self, PairLockError> {
        match Self::take(&sharer(chain_id, number), public_key, scopes) {
            Err(PairLockError::Held(_)) if number + 1 < SHARERS => {
                Self::take_place(number + 1, chain_id, public_key, scopes)
            }
            taken => {
                let lock = taken?;
                Self::look(chain_id, public_key, scopes)?;
                Self::look_at_members(chain_id, public_key, scopes)?;
                Ok(lock)
            }
        }
    }

    /// What [`PairLock::take_alone`] would meet, without taking anything.
    ///
    /// # Errors
    /// As there.
    pub fn look_alone(
        chain_id: &str,
        public_key: &[u8],
        scopes: &Scopes,
    ) -> Result<Vec<Remark>, PairLockError> {
        let remarks = Self::look(chain_id, public_key, scopes)?;
        Self::look_at_sharers(chain_id, public_key, scopes)?;
        Self::look_at_members(chain_id, public_key, scopes)?;
        Ok(remarks)
    }
}

/// The name of a place, which stands where a signer that is alone has the chain's; no chain id holds a zero byte.
fn sharer(chain_id: &str, number: u8) -> String {
    format!("{chain_id}\0{number}")
}

/// The same of a member.
fn member(chain_id: &str, share: u16) -> String {
    format!("{chain_id}\0share {share}")
}
