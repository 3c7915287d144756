//! A Ledger's key as the rest of the program knows it: it hands messages to the device's thread and waits for the answer
//! until the deadline.
//!
//! A thread that shows no sign of life hangs in its device. It is abandoned, and another looks for the device; it begins
//! where the chain stands, as after a restart.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard, RwLock};
use tracing::error;

use crate::backends::abandoned::AbandonedThreads;
use crate::consensus::{ChainId, Hrs, Position, PublicKey, Signature};
use crate::gate::Prepared;
use crate::gate::permit::Permit;
use crate::os::clock::{Clock, SystemClock};
use crate::remedy::{CommandLine, Commands};
use crate::signer::{Signer, SignerError};
use crate::threads::{STACK, spawn};

use super::device::{Failed, SignJob, Worker};
use super::find::{FoundLedger, Wanted};
use super::health::DeviceHealth;
use super::limits::{self, Limit};
use super::transport::Connector;

/// How much longer than the device the thread may take to say so.
const GRACE: Duration = Duration::from_millis(100);
/// A thread that has shown no sign of life for so long hangs. Looking for a device takes some seconds at most.
const HANGS: Duration = Duration::from_secs(10);

/// What a section says of a Ledger and its key.
pub struct LedgerSettings {
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
    /// The commands that its messages print.
    pub commands: Commands,
}

/// A key on a Ledger. It signs once [`Signer::begin`] has told it where the chain stands.
pub struct LedgerKey {
    name: String,
    chain: String,
    connector: Arc<dyn Connector>,
    wanted: Wanted,
    public_key: PublicKey,
    timeout: Duration,
    /// Shows what the device can sign.
    status: CommandLine,
    /// The way to the thread that serves now; locked only to read it.
    link: RwLock<WorkerLink>,
    /// The thread before it runs.
    idle: Mutex<Option<(Worker, Option<FoundLedger>)>>,
    watch: Mutex<Watch>,
}

/// The way to the thread that serves now, as a YubiHSM has one.
struct WorkerLink {
    jobs: Sender<SignJob>,
    health: Arc<DeviceHealth>,
}

/// What another thread would have to know.
#[derive(Default)]
struct Watch {
    /// The highest position that the watermark has passed.
    mark: Option<Hrs>,
    abandoned: AbandonedThreads<DeviceHealth>,
}

impl LedgerKey {
    /// The key of a section; `found` is a device that is open already, or why there is none.
    pub fn new(
        settings: &LedgerSettings,
        public_key: PublicKey,
        found: Result<FoundLedger, String>,
    ) -> Self {
        let wanted = Wanted {
            public_key: Some(public_key.clone()),
            path: settings.wanted.path.clone(),
        };
        let chain = settings.chain.to_string();
        let (worker, line) = begin(&chain, &settings.connector, &wanted, public_key.clone());
        let found = found.map_err(|why| line.health.set(Some(why))).ok();
        Self {
            name: settings.name.clone(),
            chain,
            connector: settings.connector.clone(),
            wanted,
            public_key,
            timeout: settings.timeout,
            status: settings.commands.line(["ledger", "status"]),
            link: RwLock::new(line),
            idle: Mutex::new(Some((worker, found))),
            watch: Mutex::default(),
        }
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock()
    }

    fn link(&self) -> (Sender<SignJob>, Arc<DeviceHealth>) {
        let line = self.link.read();
        (line.jobs.clone(), line.health.clone())
    }

    fn run(&self, worker: Worker, found: Option<FoundLedger>) {
        let health = worker.health.clone();
        let started = spawn("ledger", STACK, move || worker.run(found));
        if let Err(error) = started {
            health.set(Some(format!(
                "{}: a thread could not be started: {error}; look at this host's limits, and restart tmkms",
                self.name
            )));
        }
    }

    /// Whether its thread hangs, and another one may be tried.
    pub fn is_worth_reopening(&self) -> bool {
        let (_, health) = self.link();
        let hangs = health.silent() > HANGS;
        self.watch().abandoned.should_abandon(hangs, Instant::now())
    }

    /// Gives a thread up that hangs, and starts another that looks for the device.
    pub fn reopen(&self) {
        if !self.is_worth_reopening() {
            return;
        }
        let (mut worker, new) = begin(
            &self.chain,
            &self.connector,
            &self.wanted,
            self.public_key.clone(),
        );
        new.health.set(Some(format!(
            "{} is opened again, because it hung",
            self.name
        )));
        {
            let mut watch = self.watch();
            worker.mark = watch.mark;
            let mut line = self.link.write();
            line.health.abandon();
            watch.abandoned.add(&line.health);
            // With the old line goes the last way to the old thread, which ends as soon as it can.
            *line = new;
        }
        let (chain, device) = (&self.chain, &self.name);
        error!(
            event = "device_hangs",
            chain,
            device,
            "[{chain}] {device}: stuck: it has not come back to its thread, which was abandoned; another looks for the \
             device. Unplug it, plug it in again, and open its app"
        );
        self.run(worker, None);
    }

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

/// A thread that does not run yet, and the way to it.
fn begin(
    chain: &str,
    connector: &Arc<dyn Connector>,
    wanted: &Wanted,
    public_key: PublicKey,
) -> (Worker, WorkerLink) {
    let (jobs, waiting) = channel();
    let health = Arc::new(DeviceHealth::default());
    let worker = Worker {
        chain: chain.to_owned(),
        connector: connector.clone(),
        wanted: wanted.clone(),
        public_key,
        health: health.clone(),
        jobs: waiting,
        mark: None,
        last: None,
        served: false,
    };
    (worker, WorkerLink { jobs, health })
}

impl Signer for LedgerKey {
    fn public_key(&self) -> PublicKey {
        self.public_key.clone()
    }

    fn begin(&self, last: Option<Hrs>) {
        let idle = self.idle.lock().take();
        let Some((mut worker, found)) = idle else {
            return;
        };
        worker.mark = last;
        self.watch().mark = last;
        if worker.health.unavailable_reason().is_none() {
            worker
                .health
                .set(Some(format!("{} is being told its height", self.name)));
        }
        self.run(worker, found);
    }

    fn unavailable_reason(&self) -> Option<String> {
        let (_, health) = self.link();
        health.unavailable_reason()
    }

    fn accepts(&self, prepared: &Prepared) -> Result<(), SignerError> {
        limits::fits(prepared).map_err(|limit| {
            SignerError::Failed(match limit {
                Limit::Length { .. } => format!("{limit}; `{}` shows what fits", self.status),
                Limit::Round(_) | Limit::Extension | Limit::Kind => limit.to_string(),
            })
        })
    }

    fn sign(&self, permit: &Permit) -> Result<Signature, SignerError> {
        let position = Position::read(permit.bytes())
            .map_err(|_| SignerError::Failed(format!("{}: {}", self.name, Limit::Kind)))?;
        let left = permit
            .until()
            .saturating_sub(SystemClock.now().monotonic)
            .min(self.timeout);
        let until = Instant::now() + left;
        {
            let mut watch = self.watch();
            watch.mark = watch.mark.max(Some(position.hrs));
        }
        let (reply, answer) = sync_channel(1);
        let job = SignJob {
            bytes: permit.bytes().to_vec(),
            hrs: position.hrs,
            until,
            reply,
        };
        let gone = || {
            SignerError::Failed(format!(
                "{}: its thread has ended; ask again, and restart tmkms if that goes on",
                self.name
            ))
        };
        let (jobs, _) = self.link();
        jobs.send(job).map_err(|_| gone())?;
        // Kept no longer than it is needed: the thread ends when nobody can send any more.
        drop(jobs);
        self.wait(&answer, left).unwrap_or_else(|| Err(gone()))
    }
}
