//! What signs: a gate with the key that its permits are for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard};

use crate::consensus::Height;
use crate::gate::raw::RawPolicy;
use crate::gate::snapshot::SnapshotReader;
use crate::gate::store::etcd::SharedHandle;
use crate::gate::{Gate, Settings};
use crate::remedy::Commands;
use crate::signer::Signer;

/// What another configuration may make of an armed key.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// Those of its gate.
    pub settings: Settings,
    /// Signatures of raw bytes.
    pub raw: Option<RawPolicy>,
    /// What its operator is told to run.
    pub commands: Commands,
}

/// What signs.
#[derive(Clone)]
pub struct Armed {
    /// Check, write, signature and its memory are one critical section (W4).
    gate: Arc<Mutex<Gate>>,
    /// Held by everyone who signs outside of that section: extensions and raw bytes. Who pauses waits for them, too (W22).
    outside: Arc<RwLock<()>>,
    /// Held by a request that is signed together with other hosts, from its first look at the gate to its signature.
    turn: Arc<Mutex<()>>,
    pub(super) signer: Arc<dyn Signer>,
    pub(super) raw: Option<RawPolicy>,
    /// What the gate was told of the operator's settings.
    pub(super) settings: Settings,
    /// What the operator is told to run.
    pub(super) commands: Commands,
    /// What can be seen of the store, where other hosts share it.
    pub(super) shared: Option<SharedHandle>,
    /// What the gate showed last, to be seen without waiting for it.
    pub(super) shown: SnapshotReader,
    pub(super) last_asked: Option<Height>,
}

impl Armed {
    /// A gate with the key that its permits are for.
    pub fn new(gate: Gate, signer: Arc<dyn Signer>) -> Self {
        let (settings, commands) = gate.settings();
        Self {
            shown: gate.reader(),
            last_asked: gate.last_asked(),
            settings,
            commands: commands.clone(),
            gate: Arc::new(Mutex::new(gate)),
            outside: Arc::default(),
            turn: Arc::default(),
            signer,
            raw: None,
            shared: None,
        }
    }

    /// Its store is shared with other hosts.
    pub fn sharing(self, shared: Option<SharedHandle>) -> Self {
        Self { shared, ..self }
    }

    /// Signs raw bytes, too, within this policy.
    pub fn signing_raw(self, raw: Option<RawPolicy>) -> Self {
        Self { raw, ..self }
    }

    /// The same gate and key, of which this is so by now; the gate was told.
    pub(super) fn following(&self, wanted: KeySettings) -> Self {
        let KeySettings {
            settings,
            raw,
            commands,
        } = wanted;
        Self {
            settings,
            raw,
            commands,
            ..self.clone()
        }
    }

    /// Whether it is as it is wanted.
    pub(super) fn is_so(&self, wanted: &KeySettings) -> bool {
        let KeySettings {
            settings,
            raw,
            commands,
        } = wanted;
        (self.settings, &self.raw, &self.commands) == (*settings, raw, commands)
    }

    /// Waits up to `patience` for its turn at the gate; `None` when that was not enough.
    pub(super) fn enter(&self, patience: Duration) -> Option<MutexGuard<'_, Gate>> {
        enter(&self.gate, patience)
    }

    /// Waits up to `patience` for its turn to have other hosts asked; `None` when that was not enough.
    pub(super) fn turn(&self, patience: Duration) -> Option<MutexGuard<'_, ()>> {
        enter(&self.turn, patience)
    }

    /// For as long as something is signed outside of the gate's section. To be taken before that section is left, or
    /// before a pause is looked for.
    pub(super) fn outside(&self) -> RwLockReadGuard<'_, ()> {
        self.outside.read()
    }

    /// Waits until everything that was begun by now has its signature, or none; `false` when `patience` was not enough.
    pub(super) fn drained(&self, patience: Duration) -> bool {
        let began = Instant::now();
        self.enter(patience).is_some()
            && self
                .outside
                .try_write_for(patience.saturating_sub(began.elapsed()))
                .is_some()
    }
}

/// One at a time, and each waits no longer than it may (W4).
fn enter<T>(section: &Mutex<T>, patience: Duration) -> Option<MutexGuard<'_, T>> {
    section.try_lock_for(patience)
}

/// What the critical section of a gate owes (W4).
#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn one_at_a_time() {
        let section = Mutex::new(0_u64);
        let inside = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let mut held = enter(&section, LONG).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        *held += 1;
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(*enter(&section, LONG).unwrap(), 4_000);
    }

    #[test]
    fn who_runs_out_of_time_gets_nothing_and_blocks_nobody() {
        let section = Mutex::new(());
        let (tell, told) = mpsc::channel::<()>();
        let (is_held, held) = mpsc::channel();
        thread::scope(|scope| {
            let section = &section;
            scope.spawn(move || {
                let _held = section.lock();
                is_held.send(()).unwrap();
                // One that waits for longer than it may gets it afterwards, which is noticed.
                let _ = told.recv_timeout(LONG / 10);
            });
            held.recv().unwrap();
            assert!(enter(section, SHORT).is_none());
            assert!(enter(section, Duration::ZERO).is_none());
            tell.send(()).unwrap();
            assert!(enter(section, LONG).is_some());
        });
        assert!(enter(&section, Duration::ZERO).is_some());
    }

    #[test]
    fn a_panic_inside_lets_go() {
        let section = Mutex::new(1);
        let thread = thread::scope(|scope| {
            let panicking = scope.spawn(|| {
                let _held = enter(&section, LONG).unwrap();
                panic!("on purpose");
            });
            panicking.join()
        });
        assert!(thread.is_err());
        assert_eq!(*enter(&section, SHORT).unwrap(), 1);
    }

    /// A link that asks without a pause takes no other link's turn: a write to the disk is longer than the millisecond
    /// after which the lock is handed to a thread that waits.
    #[test]
    fn nobody_is_passed_over_by_one_that_comes_again_at_once() {
        let (section, done) = (Mutex::new(()), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let _held = section.lock();
                    thread::sleep(Duration::from_millis(2));
                }
            });
            for _ in 0..20 {
                thread::sleep(Duration::from_millis(5));
                let began = Instant::now();
                drop(enter(&section, LONG).unwrap());
                assert!(
                    began.elapsed() < Duration::from_secs(1),
                    "{:?}",
                    began.elapsed()
                );
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
