//! The shared key: read by way of Raft, made once, and replaced by compare-and-swap.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::consensus::{ChainId, PublicKey};
use crate::gate::store::record::Seen;

use super::client::api::{self, Header, KeyValue};
use super::client::members::{Cluster, Session};
use super::client::outcome::TxnOutcome;
use super::latch::Latch;
use super::settings::{EtcdSettings, EtcdSettingsError};
use super::value::{self, SharedValue};

/// One chain's key in etcd, and the members that keep it.
pub struct SharedKey {
    name: String,
    scratch: String,
    chain_id: ChainId,
    public_key: PublicKey,
    members: Cluster,
}

/// What the key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// The cluster and its revision.
    pub header: Header,
    /// The value, where there is a key.
    pub key: Option<StoredKey>,
}

/// A key that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The revision that created it.
    pub created: i64,
    /// The revision that wrote it last.
    pub modified: i64,
    /// The bytes.
    pub raw: Vec<u8>,
}

/// Why a transaction has no certain end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharedKeyError {
    /// No member gave a certain answer in time.
    #[error("etcd did not answer in time ({why})")]
    Undecided {
        /// Whether it may have been applied.
        ambiguous: bool,
        /// What the members said.
        why: String,
    },
    /// Something that must not happen did.
    #[error("the shared watermark is not to be trusted")]
    Latched(Latch),
}

/// How a compare-and-swap ended, for certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The key is ours since this revision.
    Ours(Header, i64),
    /// It is another host's; the write was not made and cannot be any more.
    Theirs(Header, StoredKey),
}

impl SharedKey {
    /// The key of this chain and public key.
    ///
    /// # Errors
    /// Certificates or the password cannot be read, or no thread can be had.
    pub fn connect(
        settings: &EtcdSettings,
        chain_id: &ChainId,
        public_key: &PublicKey,
    ) -> Result<Self, EtcdSettingsError> {
        let (tls, credentials) = (settings.tls()?, settings.credentials()?);
        let members = Cluster::connect(&settings.endpoints, tls.as_ref(), credentials.as_ref())?;
        Ok(Self {
            name: name_of(&settings.prefix, chain_id, public_key),
            scratch: format!("{}/scratch", settings.prefix),
            chain_id: chain_id.clone(),
            public_key: public_key.clone(),
            members,
        })
    }

    /// The key's name in etcd.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The chain.
    pub fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// Reads a value of this chain and key.
    ///
    /// # Errors
    /// It is not one.
    pub fn decode(&self, raw: &[u8]) -> Result<SharedValue, Latch> {
        value::decode(raw, &self.chain_id, &self.public_key).map_err(Latch::Foreign)
    }

    pub(super) fn encode(&self, value: &SharedValue) -> Vec<u8> {
        value::encode(value, &self.chain_id, &self.public_key)
    }

    /// Reads the key in Raft's order.
    ///
    /// # Errors
    /// No certain answer in time.
    pub fn read(&mut self, time: Duration) -> Result<KeyState, SharedKeyError> {
        let body: Arc<[u8]> = api::read(&self.name, &self.scratch).into();
        let outcome = self.ask(&body, time)?;
        found(outcome)
    }

    /// Makes the key where there is none. `Theirs` where there is one.
    ///
    /// # Errors
    /// No certain answer in time.
    pub(super) fn create(&mut self, raw: &[u8], time: Duration) -> Result<Swapped, SharedKeyError> {
        let body: Arc<[u8]> = api::create(&self.name, raw).into();
        let outcome = self.ask(&body, time)?;
        swapped(outcome, raw)
    }

    /// The compare-and-swap, made as often as it takes until one member gives a certain answer: only one of them can be
    /// applied, and a comparison that fails on `raw` itself is the trace of one that was.
    ///
    /// # Errors
    /// No certain answer in time, or one that must not be.
    pub(super) fn swap(
        &mut self,
        from: &Replaces,
        raw: &[u8],
        time: Duration,
    ) -> Result<Swapped, SharedKeyError> {
        let body: Arc<[u8]> =
            api::swap(&self.name, from.modified, from.pinned.create_revision, raw).into();
        let outcome = self.ask(&body, time)?;
        if let Some(header) = outcome.header() {
            super::latch::of_header(header, &from.pinned, from.pinned.revision)
                .map_err(SharedKeyError::Latched)?;
        }
        if let TxnOutcome::Holds(_, kv) = &outcome
            && kv.create_revision != from.pinned.create_revision
        {
            return Err(SharedKeyError::Latched(Latch::Recreated {
                pinned: from.pinned.create_revision,
                found: kv.create_revision,
            }));
        }
        swapped(outcome, raw)
    }

    fn ask(&mut self, body: &Arc<[u8]>, time: Duration) -> Result<TxnOutcome, SharedKeyError> {
        self.members
            .ask(body, Instant::now() + time)
            .map_err(|undecided| SharedKeyError::Undecided {
                ambiguous: undecided.ambiguous,
                why: undecided.why,
            })
    }
}

/// What a compare-and-swap replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replaces {
    /// The revision that wrote the key last, as far as is known.
    pub modified: i64,
    /// What was known when the request was sent.
    pub pinned: Seen,
}

/// Where a chain's key lies.
pub(super) fn name_of(prefix: &str, chain_id: &ChainId, public_key: &PublicKey) -> String {
    let key = subtle_encoding::hex::encode(public_key.as_bytes());
    let key = String::from_utf8(key).unwrap_or_default();
    format!("{prefix}/{chain_id}/{key}")
}

/// One read through one member.
pub(super) fn read_through(
    session: &mut Session,
    name: &str,
    prefix: &str,
) -> Result<KeyState, String> {
    let body = api::read(name, &format!("{prefix}/scratch"));
    match session.transact(api::TXN, &body) {
        TxnOutcome::NotApplied(why) | TxnOutcome::NoToken(why) | TxnOutcome::Ambiguous(why) => {
            Err(why)
        }
        other => found(other).map_err(|error| error.to_string()),
    }
}

fn found(outcome: TxnOutcome) -> Result<KeyState, SharedKeyError> {
    match outcome {
        TxnOutcome::Holds(header, kv) => Ok(KeyState {
            header,
            key: Some(kv.into()),
        }),
        TxnOutcome::Missing(header) => Ok(KeyState { header, key: None }),
        other => Err(unexpected(&other)),
    }
}

fn swapped(outcome: TxnOutcome, raw: &[u8]) -> Result<Swapped, SharedKeyError> {
    match outcome {
        TxnOutcome::Applied(header) => Ok(Swapped::Ours(header, header.revision)),
        TxnOutcome::Holds(header, kv) if kv.value == raw => {
            Ok(Swapped::Ours(header, kv.mod_revision))
        }
        TxnOutcome::Holds(header, kv) => Ok(Swapped::Theirs(header, kv.into())),
        TxnOutcome::Missing(_) => Err(SharedKeyError::Latched(Latch::Missing)),
        other => Err(unexpected(&other)),
    }
}

/// [`Cluster::ask`] gives certain outcomes only; a read that was "applied" is none of etcd's.
fn unexpected(outcome: &TxnOutcome) -> SharedKeyError {
    SharedKeyError::Undecided {
        ambiguous: true,
        why: format!("an answer that fits no question: {outcome:?}"),
    }
}

impl From<KeyValue> for StoredKey {
    fn from(kv: KeyValue) -> Self {
        Self {
            created: kv.create_revision,
            modified: kv.mod_revision,
            raw: kv.value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Header = Header {
        cluster_id: 77,
        member_id: 1,
        revision: 9,
    };

    fn holds(value: &[u8]) -> TxnOutcome {
        TxnOutcome::Holds(
            HEAD,
            KeyValue {
                create_revision: 3,
                mod_revision: 8,
                value: value.to_vec(),
            },
        )
    }

    /// The rows of the table of outcomes that are certain.
    #[test]
    fn a_compare_and_swap_is_ours_theirs_or_must_not_be() {
        assert_eq!(
            swapped(TxnOutcome::Applied(HEAD), b"ours"),
            Ok(Swapped::Ours(HEAD, 9))
        );
        // An earlier try of ours was applied, at an older revision than the answer's.
        assert_eq!(swapped(holds(b"ours"), b"ours"), Ok(Swapped::Ours(HEAD, 8)));
        let theirs = StoredKey {
            created: 3,
            modified: 8,
            raw: b"theirs".to_vec(),
        };
        assert_eq!(
            swapped(holds(b"theirs"), b"ours"),
            Ok(Swapped::Theirs(HEAD, theirs))
        );
        assert_eq!(
            swapped(TxnOutcome::Missing(HEAD), b"ours"),
            Err(SharedKeyError::Latched(Latch::Missing))
        );
    }

    /// Nothing that is not certain is taken for an end, even where a caller forgets to sort it out before.
    #[test]
    fn what_is_not_certain_is_no_end() {
        for uncertain in [
            TxnOutcome::NotApplied(String::new()),
            TxnOutcome::NoToken(String::new()),
            TxnOutcome::Ambiguous(String::new()),
        ] {
            for error in [
                swapped(uncertain.clone(), b"ours").err(),
                found(uncertain).err(),
            ] {
                assert!(matches!(
                    error,
                    Some(SharedKeyError::Undecided {
                        ambiguous: true,
                        ..
                    })
                ));
            }
        }
        // A read writes nothing; a member that says so is not asked again.
        assert!(found(TxnOutcome::Applied(HEAD)).is_err());
    }

    #[test]
    fn a_read_finds_the_key_or_none() {
        let there = found(holds(b"v")).unwrap();
        assert_eq!((there.header, there.key.unwrap().modified), (HEAD, 8));
        assert_eq!(found(TxnOutcome::Missing(HEAD)).unwrap().key, None);
    }
}
