//! The store of a shared chain: etcd first, then the local file, both before anything is signed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::gate::store::file::FileStore;
use crate::gate::store::interface::{Loaded, Store, StoreError};
use crate::gate::store::record::{Origin, Record, Seen};
use crate::gate::watermark::Watermark;
use crate::remedy::Commands;

use super::cas::{KeyState, Replaces, SharedKey, SharedKeyError, StoredKey, Swapped};
use super::client::api::Header;
use super::handle::{Inbox, SharedHandle};
use super::judge::judge;
use super::latch::{Latch, LatchMessage, of_header};
use super::membership::ShareError;
use super::stats::SharedStats;
use super::value::{Host, SharedValue};

/// What one transaction may take where nobody says otherwise.
const TIME: Duration = Duration::from_millis(1_500);
/// How often another host's record is put below ours before this is given up.
const ROUNDS: usize = 8;

/// A watermark in etcd with a floor in the local file.
pub struct SharedStore {
    key: SharedKey,
    file: FileStore,
    host: Host,
    commands: Commands,
    head: Head,
    /// A transaction of which nobody knows whether it was applied.
    pending: Option<Pending>,
    latch: Option<Latch>,
    /// The local file is what failed last.
    file_failed: bool,
    time: Duration,
    stats: Arc<SharedStats>,
    inbox: Inbox,
}

/// What the key holds, as far as is known.
#[derive(Clone, Debug)]
struct Head {
    record: Record,
    modified: i64,
    seen: Seen,
}

struct Pending {
    record: Record,
    raw: Vec<u8>,
    replaces: Replaces,
}

impl SharedStore {
    /// Puts a shared key over a local file that was shared or joined.
    ///
    /// # Errors
    /// The file was not.
    pub fn new(
        key: SharedKey,
        file: FileStore,
        host_name: String,
        commands: Commands,
    ) -> Result<Self, ShareError> {
        let Some(seen) = file.seen() else {
            return Err(ShareError::not_shared(key.chain_id(), &commands));
        };
        Ok(Self {
            host: Host {
                id: seen.host_id,
                name: host_name,
            },
            head: Head {
                record: file.record().clone(),
                modified: 0,
                seen,
            },
            key,
            file,
            commands,
            pending: None,
            latch: None,
            file_failed: false,
            time: TIME,
            stats: Arc::new(SharedStats::default()),
            inbox: Inbox::default(),
        })
    }

    /// What others may see of it, and where they tell what they saw.
    pub fn handle(&self) -> SharedHandle {
        SharedHandle {
            stats: self.stats.clone(),
            inbox: self.inbox.clone(),
        }
    }

    /// Why half of the local file could not be read, if so.
    pub fn damage(&self) -> Option<&str> {
        self.file.damage()
    }

    /// Judges what the key holds by what this host has seen. `known` is the revision that was known when it was asked.
    fn judge(&self, found: &KeyState, known: i64) -> Result<Head, Latch> {
        let local = self.head.record.watermark.hrs();
        let (modified, value) = judge(&self.key, found, &self.head.seen, known, local)?;
        self.stats.writer(&value.host.name);
        Ok(self.head_at(&found.header, modified, value.record))
    }

    fn head_at(&self, header: &Header, modified: i64, record: Record) -> Head {
        let pinned = self.head.seen;
        let revision = header.revision.max(modified).max(pinned.revision);
        self.stats.revision(revision);
        Head {
            modified,
            seen: Seen {
                revision,
                sequence: record.sequence,
                ..pinned
            },
            record,
        }
    }

    /// Takes a head, in memory and then in the local file: the floor for as long as this host lives.
    fn keep(&mut self, head: Head) -> Result<(), StoreError> {
        self.head = head;
        let expected = self.file.record().sequence;
        self.write(|file, record| {
            file.persist(expected, &record.watermark, record.origin, record.written)
        })
    }

    /// As [`SharedStore::keep`], into a new file, where the old one may have failed.
    fn keep_anew(&mut self) -> Result<(), StoreError> {
        self.write(|file, record| file.rebuild(&record.watermark, record.origin, record.written))
    }

    fn write(
        &mut self,
        write: impl FnOnce(&mut FileStore, &Record) -> Result<Record, StoreError>,
    ) -> Result<(), StoreError> {
        self.file.see(Some(self.head.seen));
        let written = write(&mut self.file, &self.head.record);
        self.file_failed = written.is_err();
        written.map(drop)
    }

    fn failed(&mut self, error: SharedKeyError) -> StoreError {
        match error {
            SharedKeyError::Latched(latch) => {
                let text = self.told(&latch);
                self.latch = Some(latch);
                StoreError::Failed(text)
            }
            SharedKeyError::Undecided { why, .. } => StoreError::Failed(format!(
                "etcd did not answer in time ({why}); what was asked counts as used, and it is tried again every second"
            )),
        }
    }

    fn told(&self, latch: &Latch) -> String {
        LatchMessage {
            latch,
            chain: self.key.chain_id(),
            key: self.key.name(),
            commands: &self.commands,
        }
        .to_string()
    }

    fn latched(&self) -> Result<(), StoreError> {
        match &self.latch {
            None => Ok(()),
            Some(latch) => Err(StoreError::Failed(self.told(latch))),
        }
    }

    /// Makes the pending transaction, again if it was made before. `true`: the key is ours. `false`: it is another
    /// host's, which is the head now.
    fn settle(&mut self, time: Duration) -> Result<bool, StoreError> {
        let Some(pending) = &self.pending else {
            return Ok(true);
        };
        let began = Instant::now();
        let ended = self.key.swap(&pending.replaces, &pending.raw, time);
        if ended.is_ok() {
            self.stats.decided(began.elapsed());
        }
        match ended {
            Ok(Swapped::Ours(header, modified)) => {
                self.stats.writer(&self.host.name);
                let record = pending.record.clone();
                self.head = self.head_at(&header, modified, record);
                self.pending = None;
                Ok(true)
            }
            Ok(Swapped::Theirs(header, key)) => {
                self.stats.superseded();
                let known = pending.replaces.pinned.revision;
                self.take_theirs(header, key, known)?;
                self.pending = None;
                Ok(false)
            }
            Err(error) => {
                if let SharedKeyError::Undecided {
                    ambiguous: true, ..
                } = &error
                {
                    self.stats.ambiguous();
                }
                Err(self.failed(error))
            }
        }
    }

    fn take_theirs(
        &mut self,
        header: Header,
        key: StoredKey,
        known: i64,
    ) -> Result<(), StoreError> {
        let found = KeyState {
            header,
            key: Some(key),
        };
        match self.judge(&found, known) {
            Ok(head) => {
                self.head = head;
                Ok(())
            }
            Err(latch) => Err(self.failed(SharedKeyError::Latched(latch))),
        }
    }

    fn propose(&mut self, watermark: &Watermark, origin: Origin, now: Duration) {
        let record = Record {
            sequence: self.head.record.sequence.saturating_add(1),
            watermark: watermark.clone(),
            origin,
            written: now,
        };
        let value = SharedValue {
            record: record.clone(),
            host: self.host.clone(),
            sealed: false,
        };
        self.pending = Some(Pending {
            raw: self.key.encode(&value),
            record,
            replaces: Replaces {
                modified: self.head.modified,
                pinned: self.head.seen,
            },
        });
    }
}

impl Store for SharedStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        let local = self.file.load()?;
        let known = self.head.seen.revision;
        let found = match self.key.read(self.time) {
            Ok(found) => found,
            Err(error) => return Err(self.failed(error)),
        };
        let head = match self.judge(&found, known) {
            Ok(head) => head,
            Err(latch) => return Err(self.failed(SharedKeyError::Latched(latch))),
        };
        // A file with one bad half must not be written over: what is near the other is refused.
        match &local.damage {
            Some(_) => self.head = head,
            None => self.keep(head)?,
        }
        Ok(Loaded {
            record: self.head.record.clone(),
            damage: local.damage,
            notice: local.notice,
        })
    }

    fn persist(
        &mut self,
        expected: u64,
        next: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        self.latched()?;
        if self.pending.is_some() {
            let why = "an earlier transaction with etcd is not settled yet".to_owned();
            return Err(StoreError::Failed(why));
        }
        if expected != self.head.record.sequence {
            return Err(StoreError::Superseded(Box::new(self.head.record.clone())));
        }
        self.propose(next, origin, now);
        let ours = self.settle(self.time)?;
        self.keep(self.head.clone())?;
        match ours {
            true => Ok(self.head.record.clone()),
            false => Err(StoreError::Superseded(Box::new(self.head.record.clone()))),
        }
    }

    fn rebuild(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        self.latched()?;
        let until = Instant::now() + self.time;
        for _ in 0..ROUNDS {
            self.settle(until.saturating_duration_since(Instant::now()))?;
            let head = &self.head.record;
            if is_same(&head.watermark, watermark) {
                self.keep_anew()?;
                return Ok(self.head.record.clone());
            }
            if head.watermark.hrs() >= watermark.hrs() {
                self.keep_anew()?;
                return Err(StoreError::Superseded(Box::new(self.head.record.clone())));
            }
            self.propose(watermark, origin, now);
        }
        let why = "other hosts kept moving the shared watermark on".to_owned();
        Err(StoreError::Failed(why))
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.file.close()
    }

    fn allow(&mut self, time: Duration) {
        self.time = time;
    }

    fn is_remote(&self) -> bool {
        !self.file_failed
    }

    fn refresh(&mut self) -> Result<Option<Record>, StoreError> {
        let found = self.inbox.lock().take();
        let Some((found, known)) = found.filter(|_| self.latch.is_none()) else {
            return Ok(None);
        };
        if let Err(latch) = of_header(&found.header, &self.head.seen, known) {
            return Err(self.failed(SharedKeyError::Latched(latch)));
        }
        // Votes went on since it was asked, or one of them is not settled: then it says nothing new.
        if found.header.revision <= self.head.seen.revision || self.pending.is_some() {
            return Ok(None);
        }
        match self.judge(&found, self.head.seen.revision) {
            Ok(head) if head.record.sequence > self.head.record.sequence => {
                self.keep(head)?;
                Ok(Some(self.head.record.clone()))
            }
            Ok(_) => Ok(None),
            Err(latch) => Err(self.failed(SharedKeyError::Latched(latch))),
        }
    }
}

/// The same position with the same bytes; a signature that one of them knows makes no difference.
fn is_same(one: &Watermark, two: &Watermark) -> bool {
    match (one, two) {
        (Watermark::Message(one), Watermark::Message(two)) => one.bytes() == two.bytes(),
        _ => one == two,
    }
}
