//! What others see of a Ledger and of the thread that it belongs to, without waiting for either.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How the device and its thread are, for those who may not wait.
#[derive(Debug, Default)]
pub struct DeviceHealth {
    trouble: Mutex<Option<String>>,
    /// The thread's last sign of life; none before it runs.
    alive: Mutex<Option<Instant>>,
    /// Another thread serves by now.
    abandoned: AtomicBool,
}

impl DeviceHealth {
    /// For how long the thread has shown no sign of life.
    pub fn silent(&self) -> Duration {
        let alive = self.alive.lock();
        alive.map_or(Duration::ZERO, |at| at.elapsed())
    }

    /// The thread is alive.
    pub fn is_alive(&self) {
        *self.alive.lock() = Some(Instant::now());
    }

    /// From now on another thread serves.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Whether another thread serves.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Why it cannot sign, if so.
    pub fn unavailable_reason(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    /// Sets it; `true` when that is news.
    pub fn set(&self, trouble: Option<String>) -> bool {
        let mut now = self.trouble.lock();
        let news = *now != trouble;
        *now = trouble;
        news
    }
}
