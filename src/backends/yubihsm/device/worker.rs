//! What a device's thread does: one request after the other, and between them the session is kept alive, or opened
//! again when it was lost.
//!
//! A thread that was abandoned, because its device did not come back to it, ends when it comes back, and tells nobody
//! anything: another one serves by then.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use k256::ecdsa::Signature as EcdsaSignature;
use tracing::{info, warn};

use crate::backends::yubihsm::protocol::codes::{algorithm, command};
use crate::backends::yubihsm::protocol::error::{Error, ErrorKind};
use crate::backends::yubihsm::protocol::info::{DeviceInfo, read_public_key};
use crate::backends::yubihsm::protocol::key_type::DeviceKeyType;
use crate::backends::yubihsm::protocol::rights::LoginRisk;
use crate::backends::yubihsm::session::client::DeviceClient;
use crate::backends::yubihsm::session::login::login_risk;
use crate::consensus::PublicKey;

use super::health::WorkerHealth;
use super::state::DeviceState;

/// A session that nobody uses ends after 30 s; this keeps it, and notices a device that was pulled out.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Between two tries to reach a device that is away.
const RETRY: Duration = Duration::from_secs(1);
/// How long an exchange between requests may take.
const QUIET: Duration = Duration::from_secs(1);
/// Between two looks at how full the device's log is.
const LOOK: Duration = Duration::from_secs(30);
/// A key as it was found on the device.
#[derive(Clone, Debug)]
pub struct KeyOnDevice {
    /// The public key.
    pub public_key: PublicKey,
    /// The device.
    pub info: DeviceInfo,
    /// What is wrong with the login that found it, although it works.
    pub risk: Option<LoginRisk>,
}

/// What is asked of the thread.
pub(super) enum DeviceJob {
    Find {
        key: u16,
        wanted: DeviceKeyType,
        until: Instant,
        reply: SyncSender<Result<KeyOnDevice, Error>>,
    },
    Sign {
        key: u16,
        kind: DeviceKeyType,
        bytes: Vec<u8>,
        until: Instant,
        reply: SyncSender<Result<Vec<u8>, Error>>,
    },
    Stop,
}

/// What the thread owns, as a Ledger's does.
pub(super) struct Worker {
    pub client: DeviceClient,
    pub state: Arc<DeviceState>,
    pub health: Arc<WorkerHealth>,
    /// Somebody has asked something.
    pub used: bool,
    /// When the device last told about itself in a quiet moment.
    pub looked: Instant,
}

impl Worker {
    pub(super) fn run(mut self, jobs: &Receiver<DeviceJob>) {
        let health = self.health.clone();
        loop {
            let pause = match (self.used, self.state.is_up()) {
                (true, false) => RETRY,
                _ => KEEP_ALIVE,
            };
            let job = jobs.recv_timeout(pause);
            if health.is_abandoned() {
                return;
            }
            match job {
                Ok(DeviceJob::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if self.used => self.idle(),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(DeviceJob::Find {
                    key,
                    wanted,
                    until,
                    reply,
                }) => {
                    health.begin(until);
                    let result = self.find(key, wanted, until);
                    self.note(result.as_ref().err());
                    let _ = reply.send(result);
                }
                Ok(DeviceJob::Sign { until, .. }) if Instant::now() >= until => {
                    // The caller has gone: signing now would only hold up the others.
                }
                Ok(DeviceJob::Sign {
                    key,
                    kind,
                    bytes,
                    until,
                    reply,
                }) => {
                    health.begin(until);
                    let result = self.sign(key, kind, &bytes, until);
                    self.note(result.as_ref().err());
                    let error = result.as_ref().err().map(|error| &error.kind);
                    self.state.note_key(key, error);
                    let _ = reply.send(result);
                    self.tidy();
                }
            }
            health.end();
        }
    }

    fn idle(&mut self) {
        let until = Instant::now() + QUIET;
        self.health.begin(until);
        let result = match self.client.is_open() {
            true => self
                .client
                .command(command::ECHO, b"tmkms", None, until)
                .map(drop),
            false => self.client.open(until),
        };
        self.note(result.as_ref().err());
        self.tidy();
    }

    /// What is done when nobody waits: sessions that were lost are closed, and the device is asked how full its log is.
    fn tidy(&mut self) {
        let until = Instant::now() + QUIET;
        self.health.begin(until);
        self.client.sweep();
        if self.client.is_open() && self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            // What goes wrong now goes wrong with the next request, too, and is told there.
            if self.client.look(until).is_ok() {
                self.learn();
            }
        }
    }

    /// Lets others know what the device says of itself.
    fn learn(&self) {
        if let Some(info) = self.client.info().filter(|_| !self.health.is_abandoned()) {
            self.state.learn(info);
        }
    }

    /// Remembers whether the device is there, and tells each change once.
    fn note(&mut self, error: Option<&Error>) {
        self.used = true;
        if self.health.is_abandoned() {
            return;
        }
        self.learn();
        self.state.count_sessions(self.client.take_opened());
        match self.state.note(error, self.client.is_open()) {
            Some(Some(kind)) => {
                let device = &self.state.name;
                let shown = self.state.shown();
                warn!(event = "device_down", device, "{shown}: {kind}");
            }
            Some(None) => {
                let device = &self.state.name;
                let shown = self.state.shown();
                info!(event = "device_up", device, "{shown}: back");
            }
            None => {}
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error {
            device: self.state.shown(),
            kind,
        }
    }

    fn find(
        &mut self,
        key: u16,
        wanted: DeviceKeyType,
        until: Instant,
    ) -> Result<KeyOnDevice, Error> {
        let data = key.to_be_bytes();
        let answer = self
            .client
            .command(command::GET_PUBLIC_KEY, &data, Some(key), until)?;
        let info: DeviceInfo = self
            .client
            .info()
            .cloned()
            .ok_or_else(|| self.error(ErrorKind::Garbage("no device info".to_owned())))?;
        let code = wanted.algorithm();
        let (found, _) = answer.split_first().unwrap_or((&0, &[]));
        if *found != code {
            return Err(self.error(ErrorKind::KeyType {
                key,
                found: algorithm::name(*found)
                    .map_or_else(|| format!("of algorithm {found}"), str::to_owned),
                wanted: wanted.shown(),
            }));
        }
        if !info.has(code) {
            return Err(self.error(ErrorKind::Disabled {
                algorithm: wanted.key_type().as_str(),
                firmware: info.firmware,
            }));
        }
        let public_key = read_public_key(&answer).map_err(|kind| self.error(kind))?;
        let public_key = PublicKey::of_type(wanted.key_type(), public_key.as_bytes())
            .map_err(|error| self.error(ErrorKind::Garbage(error.to_string())))?;
        if !self.health.is_abandoned() {
            self.state.pin(key, &answer);
        }
        self.client.pin(key, answer.to_vec());
        let risk = login_risk(&mut self.client, until)?;
        Ok(KeyOnDevice {
            public_key,
            info,
            risk,
        })
    }

    fn sign(
        &mut self,
        key: u16,
        kind: DeviceKeyType,
        bytes: &[u8],
        until: Instant,
    ) -> Result<Vec<u8>, Error> {
        let id = key.to_be_bytes();
        let client = &mut self.client;
        match kind.key_type().digest(bytes) {
            None => {
                let data = [&id[..], bytes].concat();
                let answer = client.sign(command::SIGN_EDDSA, &data, key, until)?;
                Ok(answer.to_vec())
            }
            Some(digest) => {
                let data = [&id[..], &digest].concat();
                let answer = client.sign(command::SIGN_ECDSA, &data, key, until)?;
                low_s(&answer).map_err(|kind| self.error(kind))
            }
        }
    }
}

/// From DER with any S to 64 bytes with low S.
fn low_s(der: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let signature = EcdsaSignature::from_der(der)
        .map_err(|_| ErrorKind::Garbage("a signature that is not DER".to_owned()))?;
    let low = signature.normalize_s().unwrap_or(signature);
    Ok(low.to_bytes().to_vec())
}
