//! A device in service: one thread owns its client, and all chains ask that thread.
//!
//! First come, first served. A request whose deadline has passed when its turn comes is dropped unsigned. Between
//! requests the session is kept alive, or opened again when it was lost. When the owner goes, the session is closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use k256::ecdsa::Signature as EcdsaSignature;
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::backends::DeviceCounts;
use crate::consensus::{KeyType, PublicKey};
use crate::gate::permit::Permit;

use super::client::Client;
use super::codes::{algorithm, command};
use super::error::{Error, Kind};
use super::info::DeviceInfo;

/// A session that nobody uses ends after 30 s; this keeps it.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Between two tries to reach a device that is away.
const RETRY: Duration = Duration::from_secs(1);
/// How long an exchange between requests may take.
const QUIET: Duration = Duration::from_secs(1);
/// How long the owner waits for the session to be closed.
const LEAVE: Duration = Duration::from_millis(1_500);
/// The stack of the thread in bytes.
const STACK: usize = 512 * 1024;

/// A device with its thread. Dropping it closes the session.
pub struct Device {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    stopped: Receiver<()>,
}

/// Asks a device's thread.
#[derive(Clone)]
pub struct Handle {
    queue: Sender<Job>,
    state: Arc<State>,
}

/// What is known of a device without asking it.
struct State {
    name: String,
    /// The last exchange worked.
    up: AtomicBool,
    waiting: AtomicUsize,
    longest: AtomicUsize,
    failures: AtomicU64,
    losses: AtomicU64,
}

/// A key as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The public key.
    pub public_key: PublicKey,
    /// The device.
    pub info: DeviceInfo,
}

enum Job {
    Find {
        key: u16,
        wanted: KeyType,
        until: Instant,
        reply: SyncSender<Result<Found, Error>>,
    },
    Sign {
        key: u16,
        kind: KeyType,
        bytes: Vec<u8>,
        until: Instant,
        reply: SyncSender<Result<Vec<u8>, Error>>,
    },
    Stop,
}

impl Device {
    /// Starts the thread; the device is not touched before the first request.
    pub fn start(client: Client) -> std::io::Result<Self> {
        let (queue, jobs) = channel();
        let (done, stopped) = channel();
        let state = Arc::new(State {
            name: client.name().to_owned(),
            up: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            longest: AtomicUsize::new(0),
            failures: AtomicU64::default(),
            losses: AtomicU64::default(),
        });
        let inner = state.clone();
        let thread = thread::Builder::new()
            .name("yubihsm".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                Worker {
                    client,
                    state: inner,
                    used: false,
                    told: None,
                }
                .run(&jobs);
                let _ = done.send(());
            })?;
        Ok(Self {
            handle: Handle { queue, state },
            thread: Some(thread),
            stopped,
        })
    }

    /// A way to ask it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.handle.queue.send(Job::Stop);
        let in_time = self.stopped.recv_timeout(LEAVE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| in_time) {
            let _ = thread.join();
        }
    }
}

impl Handle {
    /// The device, in words.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Whether the last exchange worked.
    pub fn is_up(&self) -> bool {
        self.state.up.load(Ordering::Relaxed)
    }

    /// Requests that wait or are being worked on.
    pub fn waiting(&self) -> usize {
        self.state.waiting.load(Ordering::Relaxed)
    }

    /// What it did since the start.
    pub fn counts(&self) -> DeviceCounts {
        DeviceCounts {
            waiting: self.waiting() as u64,
            failures: self.state.failures.load(Ordering::Relaxed),
            losses: self.state.losses.load(Ordering::Relaxed),
        }
    }

    /// The longest Ed25519 message in bytes; 0 before the device was found.
    pub fn longest_message(&self) -> usize {
        self.state.longest.load(Ordering::Relaxed)
    }

    /// Looks a key up, checks its type, and pins it: from now on it must stay the same.
    pub fn find(&self, key: u16, wanted: KeyType, until: Instant) -> Result<Found, Error> {
        self.ask(until, |reply| Job::Find {
            key,
            wanted,
            until,
            reply,
        })
    }

    /// Signs: 64 bytes of Ed25519, or of ECDSA over SHA-256 with low S.
    pub fn sign(
        &self,
        key: u16,
        kind: KeyType,
        permit: &Permit,
        until: Instant,
    ) -> Result<Vec<u8>, Error> {
        self.ask(until, |reply| Job::Sign {
            key,
            kind,
            bytes: permit.bytes().to_vec(),
            until,
            reply,
        })
    }

    fn ask<T>(
        &self,
        until: Instant,
        job: impl FnOnce(SyncSender<Result<T, Error>>) -> Job,
    ) -> Result<T, Error> {
        let (reply, answer) = sync_channel(1);
        let error = |kind| Error {
            device: self.state.name.clone(),
            kind,
        };
        self.state.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self.queue.send(job(reply));
        let result = match sent {
            Err(_) => Err(error(Kind::Stopped)),
            Ok(()) => {
                let left = until.saturating_duration_since(Instant::now());
                match answer.recv_timeout(left) {
                    Ok(result) => result,
                    Err(RecvTimeoutError::Timeout) => {
                        // Until it answers somebody, others are asked first.
                        self.state.up.store(false, Ordering::Relaxed);
                        Err(error(Kind::Late))
                    }
                    Err(RecvTimeoutError::Disconnected) => Err(error(Kind::Stopped)),
                }
            }
        };
        self.state.waiting.fetch_sub(1, Ordering::Relaxed);
        result
    }
}

struct Worker {
    client: Client,
    state: Arc<State>,
    /// Somebody has asked something.
    used: bool,
    /// The trouble that was told last.
    told: Option<Kind>,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let pause = match (self.used, self.state.up.load(Ordering::Relaxed)) {
                (true, false) => RETRY,
                _ => KEEP_ALIVE,
            };
            match jobs.recv_timeout(pause) {
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if self.used => self.idle(),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Job::Find {
                    key,
                    wanted,
                    until,
                    reply,
                }) => {
                    let result = self.find(key, wanted, until);
                    self.note(result.as_ref().err());
                    let _ = reply.send(result);
                }
                Ok(Job::Sign { until, .. }) if Instant::now() >= until => {
                    // Whoever asked has gone: signing now would only hold up the others.
                }
                Ok(Job::Sign {
                    key,
                    kind,
                    bytes,
                    until,
                    reply,
                }) => {
                    let result = self.sign(key, kind, &bytes, until);
                    self.note(result.as_ref().err());
                    let _ = reply.send(result);
                    self.client.sweep();
                }
            }
        }
    }

    fn idle(&mut self) {
        let until = Instant::now() + QUIET;
        let result = match self.client.is_open() {
            true => self
                .client
                .command(command::ECHO, b"tmkms", None, until)
                .map(drop),
            false => self.client.open(until),
        };
        self.note(result.as_ref().err());
        self.client.sweep();
    }

    /// Remembers whether the device is there, and tells each change once.
    fn note(&mut self, error: Option<&Error>) {
        self.used = true;
        let away = error.filter(|error| error.kind.is_loss() || error.kind.is_final());
        if let Some(info) = self.client.info() {
            self.state
                .longest
                .store(info.longest_message(), Ordering::Relaxed);
        }
        let was_up = self.state.up.swap(away.is_none(), Ordering::Relaxed);
        let count = |count: &AtomicU64, one: bool| count.fetch_add(one.into(), Ordering::Relaxed);
        count(&self.state.failures, error.is_some());
        count(&self.state.losses, was_up && away.is_some());
        match away {
            Some(error) if self.told.as_ref() != Some(&error.kind) => {
                warn!("{error}");
                self.told = Some(error.kind.clone());
            }
            None if self.told.take().is_some() => info!("{}: back", self.state.name),
            _ => {}
        }
    }

    fn find(&mut self, key: u16, wanted: KeyType, until: Instant) -> Result<Found, Error> {
        let data = key.to_be_bytes();
        let client = &mut self.client;
        let answer = client.command(command::GET_PUBLIC_KEY, &data, Some(key), until)?;
        let error = |kind| Error {
            device: self.state.name.clone(),
            kind,
        };
        let info = client
            .info()
            .cloned()
            .ok_or_else(|| error(Kind::Garbage("no device info".to_owned())))?;
        let (code, kind) = match wanted {
            KeyType::Ed25519 => (algorithm::ED25519, "consensus (ed25519)"),
            KeyType::Secp256k1 => (algorithm::SECP256K1, "account (secp256k1)"),
        };
        let (found, _) = answer.split_first().unwrap_or((&0, &[]));
        if *found != code {
            return Err(error(Kind::KeyType {
                key,
                found: algorithm::name(*found)
                    .map_or_else(|| format!("of algorithm {found}"), str::to_owned),
                wanted: kind,
            }));
        }
        if !info.has(code) {
            return Err(error(Kind::Disabled {
                algorithm: wanted.as_str(),
                firmware: info.firmware,
            }));
        }
        let public_key = read_public_key(&answer).map_err(error)?;
        client.pin(key, answer.to_vec());
        Ok(Found { public_key, info })
    }

    fn sign(
        &mut self,
        key: u16,
        kind: KeyType,
        bytes: &[u8],
        until: Instant,
    ) -> Result<Vec<u8>, Error> {
        let id = key.to_be_bytes();
        let client = &mut self.client;
        let answer = match kind {
            KeyType::Ed25519 => {
                let data = [&id[..], bytes].concat();
                client.sign(command::SIGN_EDDSA, &data, key, until)?
            }
            KeyType::Secp256k1 => {
                let digest = Sha256::digest(bytes);
                let data = [&id[..], &digest].concat();
                client.sign(command::SIGN_ECDSA, &data, key, until)?
            }
        };
        match kind {
            KeyType::Ed25519 => Ok(answer.to_vec()),
            KeyType::Secp256k1 => low_s(&answer).map_err(|kind| Error {
                device: self.state.name.clone(),
                kind,
            }),
        }
    }
}

/// The answer to `get public key`: the algorithm, then 32 bytes or two coordinates.
pub fn read_public_key(answer: &[u8]) -> Result<PublicKey, Kind> {
    let (code, public) = answer.split_first().unwrap_or((&0, &[]));
    let key = match *code {
        algorithm::ED25519 => PublicKey::from_bytes("ed25519", public),
        _ => {
            let compressed = k256::ecdsa::VerifyingKey::from_sec1_bytes(&[&[4], public].concat())
                .map_err(|_| Kind::Garbage("a public key that is no point".to_owned()))?
                .to_encoded_point(true);
            PublicKey::from_bytes("secp256k1", compressed.as_bytes())
        }
    };
    key.map_err(|error| Kind::Garbage(error.to_string()))
}

/// From DER with any S to 64 bytes with low S.
fn low_s(der: &[u8]) -> Result<Vec<u8>, Kind> {
    let signature = EcdsaSignature::from_der(der)
        .map_err(|_| Kind::Garbage("a signature that is not DER".to_owned()))?;
    let low = signature.normalize_s().unwrap_or(signature);
    Ok(low.to_bytes().to_vec())
}
