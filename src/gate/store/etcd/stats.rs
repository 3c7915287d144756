//! What is counted of a shared store, for anyone who looks without waiting for the gate.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Counted by the store and by the thread that watches etcd; read by `status`, the page and the metrics.
#[derive(Debug, Default)]
pub struct SharedStats {
    transactions: AtomicU64,
    nanos: AtomicU64,
    last_nanos: AtomicU64,
    ambiguous: AtomicU64,
    superseded: AtomicU64,
    revision: AtomicI64,
    db_size: AtomicU64,
    db_quota: AtomicU64,
    /// Seconds since 1970-01-01 UTC; 0 where there is no certificate.
    certificate_ends: AtomicU64,
    /// Held only while somebody looks.
    told: Mutex<Reported>,
}

#[derive(Clone, Debug, Default)]
struct Reported {
    writer: Option<String>,
    endpoints: Vec<(String, Option<String>)>,
}

/// What there is to see of a shared store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedSample {
    /// Transactions that were decided.
    pub transactions: u64,
    /// What they took in all.
    pub took: Duration,
    /// What the last one took.
    pub last_took: Duration,
    /// Transactions of which nobody knew in time whether they were applied.
    pub ambiguous: u64,
    /// Transactions that came after another host's.
    pub superseded: u64,
    /// The highest revision seen.
    pub revision: i64,
    /// The size of the database and its limit in bytes, where the member tells.
    pub database: Option<(u64, u64)>,
    /// When the first of our certificates ends, since 1970-01-01 UTC.
    pub certificate_ends: Option<Duration>,
    /// The host that wrote last.
    pub writer: Option<String>,
    /// Each endpoint, and what is wrong with it if so.
    pub endpoints: Vec<(String, Option<String>)>,
}

impl SharedStats {
    pub(super) fn decided(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.transactions.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        self.last_nanos.store(nanos, Ordering::Relaxed);
    }

    pub(super) fn ambiguous(&self) {
        self.ambiguous.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn superseded(&self) {
        self.superseded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn revision(&self, revision: i64) {
        self.revision.fetch_max(revision, Ordering::Relaxed);
    }

    pub(super) fn writer(&self, host: &str) {
        let mut told = self.told.lock();
        if told.writer.as_deref() != Some(host) {
            told.writer = Some(host.to_owned());
        }
    }

    pub(super) fn database(&self, size: u64, quota: u64) {
        self.db_size.store(size, Ordering::Relaxed);
        self.db_quota.store(quota, Ordering::Relaxed);
    }

    pub(super) fn certificate_ends(&self, ends: Option<Duration>) {
        let seconds = ends.map_or(0, |ends| ends.as_secs());
        self.certificate_ends.store(seconds, Ordering::Relaxed);
    }

    /// Sets how an endpoint is.
    pub fn endpoint(&self, name: &str, trouble: Option<String>) {
        let mut told = self.told.lock();
        match told.endpoints.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = trouble,
            None => told.endpoints.push((name.to_owned(), trouble)),
        }
    }

    /// What there is to see.
    pub fn sample(&self) -> SharedSample {
        let told = self.told.lock().clone();
        let time = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Ordering::Relaxed));
        let number = |number: &AtomicU64| Some(number.load(Ordering::Relaxed)).filter(|n| *n > 0);
        SharedSample {
            database: number(&self.db_size).zip(number(&self.db_quota)),
            certificate_ends: number(&self.certificate_ends).map(Duration::from_secs),
            transactions: self.transactions.load(Ordering::Relaxed),
            took: time(&self.nanos),
            last_took: time(&self.last_nanos),
            ambiguous: self.ambiguous.load(Ordering::Relaxed),
            superseded: self.superseded.load(Ordering::Relaxed),
            revision: self.revision.load(Ordering::Relaxed),
            writer: told.writer,
            endpoints: told.endpoints,
        }
    }
}
