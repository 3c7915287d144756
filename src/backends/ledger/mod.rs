//! The Tendermint Validator app on a Ledger Nano S.
//!
//! Bytes up: `frame` (HID packets), `apdu` (commands), `limits` (what the app cannot sign), `transport` (the cable),
//! `app` (one conversation), `find` (which device), `device` (the thread that it belongs to), and here the key as the
//! rest of the program knows it. `docs/backends/ledger.md` begins with what all of it cannot do.

pub mod apdu;
pub mod app;
pub mod config;
pub mod device;
pub mod error;
pub mod find;
pub mod frame;
pub mod limits;
pub mod transport;

use std::any::Any;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::consensus::{ChainId, Hrs, Position, PublicKey, SignBytes, Signature, key_text};
use crate::gate::permit::Permit;
use crate::os::clock::{Clock, SystemClock};
use crate::request::SignRequest;
use crate::signer::{Signer, SignerError};

use super::{DeviceNow, KeySource, OpenKeyError};
use device::{Condition, Failed, Job, Worker};
use find::{Found, Wanted, find};
use limits::Limit;
use transport::Connector;

/// How much longer than the device the thread may take to say so.
const GRACE: Duration = Duration::from_millis(100);

/// A configured Ledger.
pub struct LedgerSource {
    /// The one chain that it signs for.
    pub chain: ChainId,
    /// What it is called in messages.
    pub name: String,
    /// Where devices are.
    pub connector: Arc<dyn Connector>,
    /// Which one.
    pub wanted: Wanted,
    /// How long a signature may take.
    pub timeout: Duration,
    /// The device is an emulator.
    pub emulated: bool,
}

impl LedgerSource {
    fn warnings(&self, public_key: &PublicKey) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.emulated {
            warnings.push(format!(
                "{} is an EMULATOR, whose key is in a file on this host: never stake anything on it",
                self.name
            ));
        }
        if self.wanted.public_key.is_none() {
            warnings.push(format!(
                "any Ledger is taken that is plugged in; add `public_key = \"{}\"` to its section, and tmkms starts without \
                 it, too, and waits for it",
                key_text::to_base64(public_key)
            ));
        }
        warnings.extend(limits::warning(&self.chain));
        warnings
    }
}

impl KeySource for LedgerSource {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn signs_extensions(&self) -> bool {
        false
    }

    fn devices(&self) -> Vec<DeviceNow> {
        let name = self.name.clone();
        vec![DeviceNow {
            name,
            up: true,
            ..DeviceNow::default()
        }]
    }

    fn open(&self) -> Result<(Arc<dyn Signer>, Vec<String>), OpenKeyError> {
        let found = find(self.connector.as_ref(), &self.wanted);
        let condition = Arc::new(Condition::default());
        let (public_key, found) = match (found, self.wanted.public_key) {
            (Ok(found), _) => (found.identity.public_key, Some(found)),
            (Err(error), Some(key)) => {
                condition.set(Some(error.to_string()));
                (key, None)
            }
            (Err(error), None) => return Err(OpenKeyError(error.to_string())),
        };
        let (jobs, waiting) = channel();
        let wanted = Wanted {
            public_key: Some(public_key),
            path: self.wanted.path.clone(),
        };
        let worker = Worker {
            chain: self.chain.to_string(),
            connector: self.connector.clone(),
            wanted,
            public_key,
            condition: condition.clone(),
            jobs: waiting,
            mark: None,
            last: None,
            served: false,
        };
        let key = LedgerKey {
            name: self.name.clone(),
            public_key,
            condition,
            timeout: self.timeout,
            jobs,
            idle: Mutex::new(Some((worker, found))),
        };
        Ok((Arc::new(key), self.warnings(&public_key)))
    }
}

/// A key on a Ledger. It signs once [`Signer::begin`] has told it where the chain stands.
pub struct LedgerKey {
    name: String,
    public_key: PublicKey,
    condition: Arc<Condition>,
    timeout: Duration,
    jobs: Sender<Job>,
    /// The thread before it runs.
    idle: Mutex<Option<(Worker, Option<Found>)>>,
}

impl Signer for LedgerKey {
    fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Length is one limit of several: [`Signer::accepts`] says them all.
    fn longest(&self) -> usize {
        usize::MAX
    }

    fn begin(&self, last: Option<Hrs>) {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some((mut worker, found)) = idle else {
            return;
        };
        worker.mark = last;
        if self.condition.trouble().is_none() {
            self.condition
                .set(Some(format!("{} is being told its height", self.name)));
        }
        let started = std::thread::Builder::new()
            .name("ledger".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || worker.run(found));
        if let Err(error) = started {
            self.condition.set(Some(format!(
                "{}: a thread could not be started: {error}; look at this host's limits, and restart tmkms",
                self.name
            )));
        }
    }

    fn trouble(&self) -> Option<String> {
        self.condition.trouble()
    }

    fn accepts(
        &self,
        request: &SignRequest,
        extension: Option<&SignBytes>,
    ) -> Result<(), SignerError> {
        limits::fits(request, extension).map_err(|limit| SignerError::Failed(limit.to_string()))
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        let position = Position::read(permit.bytes())
            .map_err(|_| SignerError::Failed(format!("{}: {}", self.name, Limit::Kind)))?;
        let left = permit
            .until()
            .saturating_sub(SystemClock.now().monotonic)
            .min(self.timeout);
        let until = Instant::now() + left;
        let (reply, answer) = sync_channel(1);
        let job = Job {
            bytes: permit.bytes().to_vec(),
            hrs: position.hrs,
            until,
            reply,
        };
        let gone = || {
            SignerError::Failed(format!(
                "{}: its thread has ended; restart tmkms",
                self.name
            ))
        };
        self.jobs.send(job).map_err(|_| gone())?;
        self.wait(&answer, left).unwrap_or_else(|| Err(gone()))
    }
}

impl LedgerKey {
    fn wait(
        &self,
        answer: &Receiver<Result<Signature, Failed>>,
        left: Duration,
    ) -> Option<Result<Signature, SignerError>> {
        match answer.recv_timeout(left + GRACE) {
            Ok(Ok(signature)) => Some(Ok(signature)),
            Ok(Err(Failed::Late(why))) => Some(Err(SignerError::Late(why))),
            Ok(Err(Failed::No(why))) => Some(Err(SignerError::Failed(why))),
            Ok(Err(Failed::Wrong(why))) => Some(Err(SignerError::WrongSignature(why))),
            Err(RecvTimeoutError::Timeout) => Some(Err(SignerError::Late(format!(
                "{} was busy until the deadline; ask again",
                self.name
            )))),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}
