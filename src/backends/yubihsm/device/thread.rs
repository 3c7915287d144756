//! A device in service: one thread owns its client, and all chains ask that thread.
//!
//! First come, first served. A request whose deadline has passed when its turn comes is dropped unsigned. When the owner
//! goes, the session is closed. A thread that hangs in its device is abandoned, and another reopens the device; the
//! keys that were found before must still be the same for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use crate::backends::abandoned::AbandonedThreads;
use crate::backends::device::{DeviceCounts, LogFill};
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::identity::Serial;
use crate::backends::yubihsm::protocol::key_type::DeviceKeyType;
use crate::backends::yubihsm::session::client::DeviceClient;
use crate::gate::permit::Permit;
use crate::threads::{LARGE_STACK, spawn};

use super::health::WorkerHealth;
use super::state::DeviceState;
use super::worker::{DeviceJob, KeyOnDevice, Worker};

/// How long the owner waits for the session to be closed.
const LEAVE: Duration = Duration::from_millis(1_500);

/// So long before a search must end its thread gives up, to tell what was wrong.
const TELLING: Duration = Duration::from_millis(500);

/// A device with its thread. Dropping it closes the session.
pub struct DeviceThread {
    handle: DeviceHandle,
    running: Mutex<Running>,
}

struct Running {
    thread: Option<JoinHandle<()>>,
    stopped: Receiver<()>,
    abandoned: AbandonedThreads<WorkerHealth>,
}

/// Asks a device's thread.
#[derive(Clone)]
pub struct DeviceHandle {
    link: Arc<RwLock<WorkerLink>>,
    state: Arc<DeviceState>,
}

/// The way to the thread that serves now, as a Ledger has one. Replaced when that thread is abandoned; locked only to read it.
struct WorkerLink {
    queue: Sender<DeviceJob>,
    health: Arc<WorkerHealth>,
}

impl DeviceThread {
    /// Starts the thread; the device is not touched before the first request.
    pub fn start(client: DeviceClient) -> std::io::Result<Self> {
        let state = Arc::new(DeviceState::of(client.name().to_owned()));
        // The device is not touched before somebody asks.
        let (link, thread, stopped) = begin(client, &state, false)?;
        Ok(Self {
            handle: DeviceHandle {
                link: Arc::new(RwLock::new(link)),
                state,
            },
            running: Mutex::new(Running {
                thread: Some(thread),
                stopped,
                abandoned: AbandonedThreads::default(),
            }),
        })
    }

    /// A way to ask it.
    pub fn handle(&self) -> DeviceHandle {
        self.handle.clone()
    }

    /// Whether its thread hangs, and another one may be tried.
    pub fn is_worth_reopening(&self) -> bool {
        let mut running = self.running.lock();
        running
            .abandoned
            .should_abandon(self.handle.hangs(), Instant::now())
    }

    /// Abandons the thread that serves now and starts another with this client, which reopens the device.
    pub fn reopen(&self, mut client: DeviceClient) -> std::io::Result<()> {
        let mut running = self.running.lock();
        let state = &self.handle.state;
        for (key, public) in &*state.pins.lock() {
            client.pin(*key, public.clone());
        }
        let (link, thread, stopped) = begin(client, state, true)?;
        state.up.store(false, Ordering::Relaxed);
        state.reopened.fetch_add(1, Ordering::Relaxed);
        let mut now = self.handle.link.write();
        now.health.abandon();
        running.abandoned.add(&now.health);
        running.thread = Some(thread);
        running.stopped = stopped;
        // With the old link goes the last way to the old thread, which ends as soon as it can.
        *now = link;
        Ok(())
    }
}

/// Starts a thread for a client, which is `used` from its begin on, or with the first request.
fn begin(
    client: DeviceClient,
    state: &Arc<DeviceState>,
    used: bool,
) -> std::io::Result<(WorkerLink, JoinHandle<()>, Receiver<()>)> {
    let (queue, jobs) = channel();
    let (done, stopped) = channel();
    let health = Arc::new(WorkerHealth::new());
    let worker = Worker {
        client,
        state: state.clone(),
        health: health.clone(),
        used,
        looked: Instant::now(),
    };
    let thread = spawn("yubihsm", LARGE_STACK, move || {
        worker.run(&jobs);
        let _ = done.send(());
    })?;
    Ok((WorkerLink { queue, health }, thread, stopped))
}

impl Drop for DeviceThread {
    fn drop(&mut self) {
        self.handle.send(DeviceJob::Stop);
        let running = self.running.get_mut();
        let in_time = running.stopped.recv_timeout(LEAVE).is_ok();
        if let Some(thread) = running.thread.take().filter(|_| in_time) {
            let _ = thread.join();
        }
    }
}

impl DeviceHandle {
    /// The device, in words.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Whether the last exchange worked.
    pub fn is_up(&self) -> bool {
        self.state.is_up()
    }

    /// Why the device is not up, if so.
    pub fn unavailable_reason(&self) -> Option<String> {
        if self.is_up() {
            return None;
        }
        Some(self.known_trouble().unwrap_or(ErrorKind::Late).to_string())
    }

    /// The trouble that was told last, unless it is over.
    fn known_trouble(&self) -> Option<ErrorKind> {
        self.state.told.lock().clone()
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error {
            device: self.state.shown(),
            kind,
        }
    }

    /// Why the device does not sign with this key, when it would not the last time it was asked.
    pub fn key_trouble(&self, key: u16) -> Option<String> {
        self.state.key_trouble(key)
    }

    /// Whether its thread hangs in the device.
    pub fn hangs(&self) -> bool {
        self.health().hangs()
    }

    fn health(&self) -> Arc<WorkerHealth> {
        let link = self.link.read();
        link.health.clone()
    }

    /// Whether the device refuses the login.
    pub fn is_refused(&self) -> bool {
        matches!(self.known_trouble(), Some(ErrorKind::Unproven { .. }))
    }

    /// Requests that wait or are being worked on.
    pub fn waiting(&self) -> usize {
        self.state.waiting.load(Ordering::Relaxed)
    }

    /// What it did since the start.
    pub fn counts(&self) -> DeviceCounts {
        let state = &*self.state;
        DeviceCounts {
            waiting: self.waiting() as u64,
            failures: state.failures.load(Ordering::Relaxed),
            losses: state.losses.load(Ordering::Relaxed),
            sessions: state.sessions.load(Ordering::Relaxed),
            reopened: state.reopened.load(Ordering::Relaxed),
        }
    }

    /// The serial number of the device that was found last; `None` before that.
    pub fn serial(&self) -> Option<Serial> {
        *self.state.serial.lock()
    }

    /// How full the device's log was when it was asked last; `None` before that.
    pub fn log(&self) -> Option<LogFill> {
        let size = self.state.log_size.load(Ordering::Relaxed);
        (size > 0).then(|| LogFill {
            used: self.state.log_used.load(Ordering::Relaxed),
            size,
        })
    }

    /// The longest Ed25519 message in bytes; 0 before the device was found.
    pub fn longest_message(&self) -> usize {
        self.state.longest.load(Ordering::Relaxed)
    }

    /// Looks a key up, checks its type, and pins it: from now on it must stay the same. A device that is known to be away
    /// is not waited for, nor one that did not come back in time: its thread tries once a second, and many chains may want
    /// it.
    pub fn find(
        &self,
        key: u16,
        wanted: DeviceKeyType,
        until: Instant,
    ) -> Result<KeyOnDevice, Error> {
        let away = self.known_trouble().filter(|_| !self.is_up());
        let late = self.health().is_late().then_some(ErrorKind::Late);
        if let Some(kind) = away.or(late) {
            return Err(self.error(kind));
        }
        self.ask(until, |reply| DeviceJob::Find {
            key,
            wanted,
            // What was wrong all the time must be told before nobody listens any more.
            until: until.checked_sub(TELLING).unwrap_or(until),
            reply,
        })
    }

    /// Signs: 64 bytes of Ed25519, or of ECDSA over SHA-256 with low S.
    pub fn sign(
        &self,
        key: u16,
        kind: DeviceKeyType,
        permit: &Permit,
        until: Instant,
    ) -> Result<Vec<u8>, Error> {
        self.ask(until, |reply| DeviceJob::Sign {
            key,
            kind,
            bytes: permit.bytes().to_vec(),
            until,
            reply,
        })
    }

    /// To the thread that serves now, which is given.
    fn send(&self, job: DeviceJob) -> Option<Arc<WorkerHealth>> {
        let link = self.link.read();
        link.queue.send(job).ok().map(|()| link.health.clone())
    }

    fn ask<T>(
        &self,
        until: Instant,
        job: impl FnOnce(SyncSender<Result<T, Error>>) -> DeviceJob,
    ) -> Result<T, Error> {
        let (reply, answer) = sync_channel(1);
        let error = |kind| self.error(kind);
        self.state.waiting.fetch_add(1, Ordering::Relaxed);
        let result = match self.send(job(reply)) {
            None => Err(error(ErrorKind::Stopped)),
            Some(health) => {
                let left = until.saturating_duration_since(Instant::now());
                match answer.recv_timeout(left) {
                    Ok(result) => result,
                    Err(RecvTimeoutError::Timeout) => {
                        // Until it answers somebody, others are asked first.
                        let was_up = self.state.up.swap(false, Ordering::Relaxed);
                        self.state
                            .losses
                            .fetch_add(was_up.into(), Ordering::Relaxed);
                        Err(error(ErrorKind::Late))
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        Err(error(match health.is_abandoned() {
                            true => ErrorKind::Late,
                            false => ErrorKind::Stopped,
                        }))
                    }
                }
            }
        };
        self.state.waiting.fetch_sub(1, Ordering::Relaxed);
        result
    }
}
