//! What several tests need: a key, a chain, a store in memory whose disk can fail, a clock that stands still.
#![allow(dead_code, reason = "each test file uses a part of this")]

pub mod browser;
pub mod chain;
pub mod command;
pub mod fake_etcd;
pub mod fake_rpc;
pub mod held_key;
pub mod home;
pub mod http;
#[cfg(feature = "ledger")]
pub mod ledger_simulator;
pub mod load;
pub mod shell;
#[cfg(feature = "yubihsm")]
pub mod yubihsm_bench;
#[cfg(feature = "yubihsm")]
pub mod yubihsm_person;
#[cfg(feature = "yubihsm")]
pub mod yubihsm_simulator;
pub mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tmkms::backends::softsign::key::SoftKey;
use tmkms::consensus::KeyType;
use tmkms::consensus::{ChainId, PublicKey};
use tmkms::gate::refusal::Refusal;
use tmkms::gate::store::file::StateFile;
use tmkms::gate::store::{Loaded, Origin, Record, Store, StoreError};
use tmkms::gate::watermark::Watermark;
use tmkms::gate::{Admission, Gate, Prepared, Settings, SignExtensions};
use tmkms::harness::messages::Maker;
use tmkms::os::clock::{Clock, Moment};
use tmkms::request::SignRequest;

/// The address of a node that nobody ever hears of: a socket that is not there.
pub const ABSENT: &str = "unix:///run/none.sock";

pub fn chain_id() -> ChainId {
    "test-1".parse().unwrap()
}

pub fn maker() -> Maker {
    Maker::new(chain_id())
}

/// A key of its own for each seed: the lock on chain and key is one per host.
pub fn key(seed: u8) -> SoftKey {
    SoftKey::from_bytes(&[seed; 32], KeyType::Ed25519).unwrap()
}

pub fn random_key() -> SoftKey {
    SoftKey::generate(KeyType::Ed25519).unwrap().0
}

pub fn place(path: std::path::PathBuf, public_key: PublicKey) -> StateFile {
    StateFile {
        chain_id: chain_id(),
        public_key,
        path,
        share: None,
        allow_ephemeral: true,
        scopes: Default::default(),
        shared: false,
        commands: Default::default(),
    }
}

/// What a chain does in steps, for tests whose key is always there.
pub trait Admit {
    fn admit(
        &mut self,
        request: &SignRequest,
        now: &Moment,
        until: Duration,
    ) -> Result<Admission, Refusal>;
}

impl Admit for Gate {
    fn admit(
        &mut self,
        request: &SignRequest,
        now: &Moment,
        until: Duration,
    ) -> Result<Admission, Refusal> {
        let prepared = self.prepare(request)?;
        self.judge(prepared, now)?.admit(until)
    }
}

/// A request as a gate of its chain makes it ready.
pub fn prepared(request: &SignRequest, sign_extensions: SignExtensions) -> Prepared {
    let settings = Settings {
        sign_extensions,
        ..Settings::default()
    };
    let store = SharedDisk::new().store();
    let gate = Gate::arm(request.chain_id.clone(), settings, store, &moment(0)).unwrap();
    gate.prepare(request).unwrap()
}

/// A moment so many milliseconds after an arbitrary start.
pub fn moment(milliseconds: u64) -> Moment {
    let time = Duration::from_millis(1_000_000 + milliseconds);
    Moment {
        monotonic: time,
        boot: time,
        wall: time,
    }
}

/// A clock that stands where it is put.
#[derive(Clone)]
pub struct StillClock(pub Arc<Mutex<Moment>>);

impl StillClock {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(moment(0))))
    }

    pub fn pass(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = Moment {
            monotonic: now.monotonic + time,
            boot: now.boot + time,
            wall: now.wall + time,
        };
    }
}

impl Clock for StillClock {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }
}

/// What the disk does with the next write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It works.
    Fine,
    /// It fails, and nothing was written.
    Lost,
    /// It fails, and the record was written all the same.
    Written,
    /// A bug ends the write before anything was written.
    Bug,
}

/// A disk that outlives the gates on it.
#[derive(Clone, Debug)]
pub struct Disk {
    pub record: Record,
    pub mood: Mood,
}

#[derive(Clone)]
pub struct SharedDisk(pub Arc<Mutex<Disk>>);

impl SharedDisk {
    pub fn new() -> Self {
        let record = Record {
            sequence: 1,
            watermark: Watermark::Never,
            origin: Origin::Begun,
            written: moment(0).wall,
        };
        Self(Arc::new(Mutex::new(Disk {
            record,
            mood: Mood::Fine,
        })))
    }

    pub fn set(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    pub fn watermark(&self) -> Watermark {
        self.0.lock().unwrap().record.watermark.clone()
    }

    pub fn store(&self) -> Box<dyn Store> {
        Box::new(MemoryStore {
            disk: self.clone(),
            failed: false,
        })
    }
}

/// A store on a [`SharedDisk`].
struct MemoryStore {
    disk: SharedDisk,
    failed: bool,
}

impl MemoryStore {
    fn write(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        let mood = self.disk.0.lock().unwrap().mood;
        assert_ne!(mood, Mood::Bug, "on purpose");
        let mut disk = self.disk.0.lock().unwrap();
        let record = Record {
            sequence: disk.record.sequence + 1,
            watermark: watermark.clone(),
            origin,
            written: now,
        };
        if disk.mood != Mood::Lost {
            disk.record = record.clone();
        }
        self.failed = disk.mood != Mood::Fine;
        match self.failed {
            true => Err(StoreError::Failed("the disk is sick".to_owned())),
            false => Ok(record),
        }
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        Ok(Loaded {
            record: self.disk.0.lock().unwrap().record.clone(),
            damage: None,
            notice: None,
        })
    }

    fn persist(
        &mut self,
        expected: u64,
        next: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        if self.failed {
            return Err(StoreError::Failed("the store failed before".to_owned()));
        }
        let found = self.disk.0.lock().unwrap().record.clone();
        if found.sequence != expected {
            return Err(StoreError::Superseded(Box::new(found)));
        }
        self.write(next, origin, now)
    }

    fn rebuild(
        &mut self,
        watermark: &Watermark,
        origin: Origin,
        now: Duration,
    ) -> Result<Record, StoreError> {
        self.write(watermark, origin, now)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
