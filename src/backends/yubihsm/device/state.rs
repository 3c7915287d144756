//! What is known of a device without asking it. Its thread writes, everybody reads; no lock is held while a device is
//! asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::backends::device::with_serial;
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::backends::yubihsm::protocol::info::DeviceInfo;

/// What is known of a device without asking it.
pub(super) struct DeviceState {
    pub name: String,
    /// The last exchange worked.
    pub up: AtomicBool,
    pub waiting: AtomicUsize,
    pub longest: AtomicUsize,
    pub failures: AtomicU64,
    pub losses: AtomicU64,
    pub sessions: AtomicU64,
    pub reopened: AtomicU64,
    /// Entries in the log, and how many it can hold; 0 before the device was found.
    pub log_used: AtomicU64,
    pub log_size: AtomicU64,
    /// The trouble that was told last.
    pub told: Mutex<Option<ErrorKind>>,
    /// The serial number; `None` before the device was found.
    pub serial: Mutex<Option<Serial>>,
    /// Keys that were found, as the device answers for them.
    pub pins: Mutex<BTreeMap<u16, Vec<u8>>>,
    /// Keys that the device would not sign with when it was asked last, and why.
    refused: Mutex<BTreeMap<u16, ErrorKind>>,
}

impl DeviceState {
    pub(super) fn of(name: String) -> Self {
        Self {
            name,
            up: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            longest: AtomicUsize::new(0),
            failures: AtomicU64::new(0),
            losses: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
            log_used: AtomicU64::new(0),
            log_size: AtomicU64::new(0),
            told: Mutex::new(None),
            serial: Mutex::new(None),
            pins: Mutex::new(BTreeMap::new()),
            refused: Mutex::new(BTreeMap::new()),
        }
    }

    /// The device in words, with its serial number once that is known.
    pub(super) fn shown(&self) -> String {
        with_serial(&self.name, *self.serial.lock())
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    pub(super) fn pin(&self, key: u16, public: &[u8]) {
        let mut pins = self.pins.lock();
        pins.insert(key, public.to_vec());
    }

    /// Keeps what the device says of itself.
    pub(super) fn learn(&self, info: &DeviceInfo) {
        self.longest
            .store(info.longest_message(), Ordering::Relaxed);
        *self.serial.lock() = Some(info.serial);
        self.log_used.store(info.log_used.into(), Ordering::Relaxed);
        self.log_size.store(info.log_size.into(), Ordering::Relaxed);
    }

    pub(super) fn count_sessions(&self, opened: u64) {
        self.sessions.fetch_add(opened, Ordering::Relaxed);
    }

    /// Remembers how an exchange ended, and whether there is a session now. `Some` when that is to be told: a new trouble, or
    /// that there is none any more.
    pub(super) fn note(&self, error: Option<&Error>, open: bool) -> Option<Option<ErrorKind>> {
        let away = error.filter(|error| !open || error.kind.is_absence());
        let was_up = self.up.swap(away.is_none(), Ordering::Relaxed);
        let count = |count: &AtomicU64, one: bool| count.fetch_add(one.into(), Ordering::Relaxed);
        count(&self.failures, error.is_some());
        count(&self.losses, was_up && away.is_some());
        let mut told = self.told.lock();
        match away.map(|error| &error.kind) {
            Some(kind) if told.as_ref() != Some(kind) => {
                *told = Some(kind.clone());
                Some(Some(kind.clone()))
            }
            None => told.take().map(|_| None),
            _ => None,
        }
    }

    /// Remembers whether the device signed with a key. That it was away says nothing about the key.
    pub(super) fn note_key(&self, key: u16, error: Option<&ErrorKind>) {
        let mut refused = self.refused.lock();
        match error {
            None => {
                refused.remove(&key);
            }
            Some(kind) if kind.is_loss() || kind.is_absence() || kind.is_final() => {}
            Some(kind) => {
                refused.insert(key, kind.clone());
            }
        }
    }

    /// Why the device does not sign with a key, as far as is known.
    pub(super) fn key_trouble(&self, key: u16) -> Option<String> {
        let refused = self.refused.lock();
        refused.get(&key).map(ErrorKind::to_string)
    }
}
