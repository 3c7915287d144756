//! Sharing a chain, joining it and leaving it: what the commands do with the key and the local file.
//!
//! Each of them raises the shared watermark to what this host knows, and none lowers it. What another host may sign
//! meanwhile is settled by the same compare-and-swap as a vote.

use std::time::Duration;

use crate::consensus::ChainId;
use crate::gate::store::file::FileStore;
use crate::gate::store::interface::{Store, StoreError};
use crate::gate::store::record::{Origin, Record, Seen};
use crate::gate::watermark::Watermark;
use crate::remedy::Commands;

use super::cas::{KeyState, Replaces, SharedKey, SharedKeyError, StoredKey, Swapped};
use super::latch::{Latch, of_header};
use super::value::{Host, SharedValue};

/// How long a command waits for etcd.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Why a chain was not shared, joined or left.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// etcd gave no certain answer, or one that must not be.
    #[error(transparent)]
    Key(#[from] SharedKeyError),
    /// The local file.
    #[error(transparent)]
    File(#[from] StoreError),
    /// The key is there already.
    #[error("host {0} shares this chain already")]
    AlreadyShared(String),
    /// There is no key.
    #[error("no host shares this chain")]
    NotShared,
    /// Another host wrote in between.
    #[error("host {0} wrote to the shared watermark in between")]
    Overtaken(String),
}

/// Why a shared store is not opened. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The local file was never shared, or not any more.
    #[error(
        "`store = \"etcd\"` is set, but this host's state file is not shared yet; if this is the first host run `{share}`, \
         if another host shares the chain already run `{join}`"
    )]
    NotShared {
        /// `state share`.
        share: String,
        /// `state join`.
        join: String,
    },
}

impl ShareError {
    /// A local file that was never shared, or not any more, under `store = "etcd"`.
    pub fn not_shared(chain: &ChainId, commands: &Commands) -> Self {
        let line = |word| commands.line(["state", word, chain.as_str()]).to_string();
        Self::NotShared {
            share: line("share"),
            join: line("join"),
        }
    }
}

/// One host's part in a shared chain.
pub struct Membership<'a> {
    /// The key in etcd.
    pub key: &'a mut SharedKey,
    /// The local file.
    pub file: &'a mut FileStore,
    /// This host.
    pub host: Host,
    /// The wall clock: time since 1970-01-01 UTC.
    pub now: Duration,
}

impl Membership<'_> {
    /// Makes the key from the local file. A key that this host itself has sealed is opened again.
    ///
    /// # Errors
    /// The key is there, or etcd or the file fail.
    pub fn share(&mut self, found: &KeyState) -> Result<(), MembershipError> {
        let used_up = self.file.used_up();
        let local = self.file.seen().map_or(0, |seen| seen.sequence);
        let Some(key) = &found.key else {
            let record = self.record(local, used_up.watermark(), used_up.origin());
            let raw = self.raw(&record, false);
            let before = self.file.seen();
            // From here on the file is not used by itself, whatever becomes of this command: the key may have been made.
            let unsure = self.seen(found.header.cluster_id, 0, found.header.revision, &record);
            self.keep(Some(unsure), &record)?;
            return match self.key.create(&raw, PATIENCE)? {
                Swapped::Ours(header, modified) => {
                    let seen = self.seen(header.cluster_id, modified, modified, &record);
                    self.keep(Some(seen), &record)
                }
                Swapped::Theirs(_, key) => {
                    self.keep(before, &record)?;
                    let value = self.key.decode(&key.raw).map_err(SharedKeyError::Latched)?;
                    Err(MembershipError::AlreadyShared(value.host.name))
                }
            };
        };
        let value = self.key.decode(&key.raw).map_err(SharedKeyError::Latched)?;
        match (value.sealed, value.host.id == self.host.id) {
            (false, _) => Err(MembershipError::AlreadyShared(value.host.name)),
            (true, false) => Err(left(value)),
            (true, true) => {
                let known = value.record.sequence.max(local);
                let record = self.record(known, used_up.watermark(), used_up.origin());
                self.replace(found, key, &record, false)
            }
        }
    }

    /// Takes part in a chain that is shared: `target` is the higher of what the key says and what this host knows.
    ///
    /// # Errors
    /// There is no key, it is sealed, another host wrote in between, or etcd or the file fail.
    pub fn join(&mut self, found: &KeyState, target: &Watermark) -> Result<(), MembershipError> {
        let key = found.key.as_ref().ok_or(MembershipError::NotShared)?;
        let value = self.key.decode(&key.raw).map_err(SharedKeyError::Latched)?;
        if value.sealed {
            return Err(left(value));
        }
        let local = self.file.seen().map_or(0, |seen| seen.sequence);
        let origin = match *target == value.record.watermark {
            true => value.record.origin,
            false => Origin::of_operator(Some(&value.record.watermark)),
        };
        let record = self.record(value.record.sequence.max(local), target, origin);
        self.replace(found, key, &record, false)
    }

    /// Ends the sharing for all hosts and brings the watermark home: `target` as in [`Membership::join`].
    ///
    /// # Errors
    /// As there; and the key is not the one that this host joined.
    pub fn leave(&mut self, found: &KeyState, target: &Watermark) -> Result<(), MembershipError> {
        let seen = self.file.seen().ok_or(MembershipError::NotShared)?;
        let latched = |latch| MembershipError::Key(SharedKeyError::Latched(latch));
        of_header(&found.header, &seen, seen.revision).map_err(latched)?;
        let key = found.key.as_ref().ok_or(latched(Latch::Missing))?;
        if key.created != seen.create_revision {
            return Err(latched(Latch::Recreated {
                pinned: seen.create_revision,
                found: key.created,
            }));
        }
        let value = self.key.decode(&key.raw).map_err(latched)?;
        let known = value.record.sequence.max(seen.sequence);
        let record = self.record(known, target, Origin::of_operator(Some(target)));
        match (value.sealed, value.host.id == self.host.id) {
            (true, false) => Err(left(value)),
            // A leave that was interrupted between etcd and the file.
            (true, true) => self.keep(None, &record),
            (false, _) => self.replace(found, key, &record, true),
        }
    }

    fn replace(
        &mut self,
        found: &KeyState,
        key: &StoredKey,
        record: &Record,
        seal: bool,
    ) -> Result<(), MembershipError> {
        let pinned = self.seen(
            found.header.cluster_id,
            key.created,
            found.header.revision,
            record,
        );
        let replaces = Replaces {
            modified: key.modified,
            pinned,
        };
        let raw = self.raw(record, seal);
        match self.key.swap(&replaces, &raw, PATIENCE)? {
            Swapped::Ours(header, modified) => {
                let revision = header.revision.max(modified);
                let seen = (!seal).then_some(Seen { revision, ..pinned });
                self.keep(seen, record)
            }
            Swapped::Theirs(_, key) => {
                let value = self.key.decode(&key.raw).map_err(SharedKeyError::Latched)?;
                Err(MembershipError::Overtaken(value.host.name))
            }
        }
    }

    fn keep(&mut self, seen: Option<Seen>, record: &Record) -> Result<(), MembershipError> {
        self.file.see(seen);
        self.file
            .rebuild(&record.watermark, record.origin, record.written)?;
        Ok(())
    }

    fn record(&self, after: u64, watermark: &Watermark, origin: Origin) -> Record {
        Record {
            sequence: after.saturating_add(1),
            watermark: watermark.clone(),
            origin,
            written: self.now,
        }
    }

    fn raw(&self, record: &Record, sealed: bool) -> Vec<u8> {
        self.key.encode(&SharedValue {
            record: record.clone(),
            host: self.host.clone(),
            sealed,
        })
    }

    fn seen(&self, cluster_id: u64, create_revision: i64, revision: i64, record: &Record) -> Seen {
        Seen {
            cluster_id,
            create_revision,
            revision,
            sequence: record.sequence,
            host_id: self.host.id,
        }
    }
}

/// The number of a host: that of its file, or a new one.
///
/// # Errors
/// No random numbers.
pub fn host_id(file: &FileStore) -> Result<u64, getrandom::Error> {
    if let Some(seen) = file.seen() {
        return Ok(seen.host_id);
    }
    let mut bytes = [0; 8];
    getrandom::getrandom(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

/// The watermark that the key holds, and who wrote it.
///
/// # Errors
/// The key does not hold a value of this chain and key.
pub fn shared_value(
    key: &SharedKey,
    found: &KeyState,
) -> Result<Option<SharedValue>, SharedKeyError> {
    found
        .key
        .as_ref()
        .map(|found| key.decode(&found.raw).map_err(SharedKeyError::Latched))
        .transpose()
}

fn left(value: SharedValue) -> MembershipError {
    MembershipError::Key(SharedKeyError::Latched(Latch::Left {
        host: value.host.name,
        at: value.record.written,
        by_us: false,
    }))
}
