//! The thread that a device belongs to: it finds the device, brings it up to the chain's height, signs, and starts over
//! when the device is lost.
//!
//! Invariants: the device signs for one chain only; it is asked for one thing at a time; whatever comes back is verified
//! before anybody sees it; a handle that failed or fell silent is closed. The device forgets its height when its app or
//! its power ends, so after each opening it gets the chain's height again, in a message that is worth nothing to
//! anybody, and asks for a button if it had forgotten. A thread that was abandoned asks neither device nor person for
//! anything more, and tells nobody anything.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::consensus::{Hrs, PublicKey, Signature, Step};

use super::apdu::harmless;
use super::app::App;
use super::error::DeviceFault;
use super::find::{FoundLedger, Wanted, find};
use super::health::DeviceHealth;
use super::limits::HIGHEST_ROUND;
use super::transport::Connector;

/// An answer that takes longer waits for a person.
const QUICK: Duration = Duration::from_secs(1);
/// How often a person is reminded.
const REMIND: Duration = Duration::from_secs(60);
/// How long a device is not asked again after its left button was pressed.
const REFUSED: Duration = Duration::from_secs(10);
/// How often a lost device is looked for.
const RETRY: Duration = Duration::from_secs(1);
/// When it is looked for first: mostly it is there still, and only the handle was bad.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// How long an answer that is late is waited for before the handle is closed.
const LATE: Duration = Duration::from_secs(3);
/// How often an idle device is asked who it is.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often an idle handle is looked at.
const TICK: Duration = Duration::from_millis(250);

/// One message to sign.
pub struct SignJob {
    /// The message.
    pub bytes: Vec<u8>,
    /// Its position.
    pub hrs: Hrs,
    /// Until when the answer is wanted.
    pub until: Instant,
    /// Where it goes.
    pub reply: SyncSender<Result<Signature, Failed>>,
}

/// Why a job was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Not in time; the device may yet sign.
    Late(String),
    /// Not at all.
    No(String),
    /// What came is worthless.
    Wrong(String),
}

/// What the thread owns, as a YubiHSM's does.
pub struct Worker {
    /// The chain, for the log.
    pub chain: String,
    /// Where devices are.
    pub connector: Arc<dyn Connector>,
    /// Which one.
    pub wanted: Wanted,
    /// Its key.
    pub public_key: PublicKey,
    /// What others see.
    pub health: Arc<DeviceHealth>,
    /// What is to be signed; the thread ends when nobody can send any more.
    pub jobs: Receiver<SignJob>,
    /// The highest position that the watermark has passed.
    pub mark: Option<Hrs>,
    /// The last message that the device signed: it would not sign it twice.
    pub last: Option<(Vec<u8>, Signature)>,
    /// The device that was found last was ready to sign.
    pub served: bool,
}

/// Why a device is let go.
enum WorkerEnd {
    /// Nobody sends jobs any more.
    Done,
    /// The device.
    Lost(DeviceFault),
}

impl From<DeviceFault> for WorkerEnd {
    fn from(reason: DeviceFault) -> Self {
        Self::Lost(reason)
    }
}

impl Worker {
    fn wrong_signature(&self) -> DeviceFault {
        DeviceFault::WrongSignature {
            key: self.public_key.clone(),
            compare: self.connector.command("pubkey"),
        }
    }

    /// Runs until nobody sends jobs any more; `found` is a device that is open already.
    pub fn run(mut self, mut found: Option<FoundLedger>) {
        loop {
            self.health.is_alive();
            let device = match found.take() {
                Some(device) => Ok(device),
                None => find(self.connector.as_ref(), &self.wanted),
            };
            if self.health.is_abandoned() {
                return;
            }
            let mut wait = RETRY;
            match device {
                Err(error) => self.tell(Some(error.to_string())),
                Ok(mut device) => match self.use_device(&mut device) {
                    WorkerEnd::Done => return,
                    WorkerEnd::Lost(reason) => {
                        wait = match (&reason, self.served) {
                            (DeviceFault::Rejected, _) => REFUSED,
                            (_, true) => FIRST_RETRY,
                            (_, false) => RETRY,
                        };
                        self.tell(Some(format!(
                            "the Ledger at {}: {reason}",
                            device.info.path
                        )));
                    }
                },
            }
            if self.turn_away(wait) {
                return;
            }
        }
    }

    fn use_device(&mut self, device: &mut FoundLedger) -> WorkerEnd {
        self.served = false;
        let path = device.info.path.clone();
        if device.identity.public_key != self.public_key {
            return WorkerEnd::Lost(DeviceFault::KeyDiffers {
                found: device.identity.public_key.clone(),
                wanted: self.public_key.clone(),
            });
        }
        if let Err(end) = self.begin(&mut device.app, &path) {
            return end;
        }
        self.tell(None);
        self.served = true;
        match self.serve(&mut device.app, &path) {
            Ok(()) => WorkerEnd::Done,
            Err(end) => end,
        }
    }

    fn tell(&self, trouble: Option<String>) {
        if self.health.set(trouble.clone()) && !self.health.is_abandoned() {
            match trouble {
                Some(trouble) => {
                    warn!(
                        event = "device_down",
                        chain = self.chain,
                        "[{}] {trouble}",
                        self.chain
                    );
                }
                None => {
                    let chain = &self.chain;
                    info!(event = "device_up", chain, "[{chain}] the Ledger is ready");
                }
            }
        }
    }

    /// Tells everyone for `time` that there is no device; `true` when nobody is left.
    fn turn_away(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            self.health.is_alive();
            let left = until.saturating_duration_since(Instant::now());
            match self.jobs.recv_timeout(left.min(RETRY)) {
                Ok(job) => {
                    let why = self
                        .health
                        .unavailable_reason()
                        .unwrap_or_else(|| "the Ledger is being looked for; ask again".to_owned());
                    drop(job.reply.send(Err(Failed::No(why))));
                }
                Err(RecvTimeoutError::Timeout) if left > RETRY => {}
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    /// Brings the app up to the chain's height. Outside of any vote, because it may wait for a person.
    fn begin(&mut self, app: &mut App, path: &str) -> Result<(), WorkerEnd> {
        let (height, round) = below(self.mark);
        let message = harmless(height, round);
        app.ask_signature(&message)?;
        let began = Instant::now();
        let mut told: Option<Instant> = None;
        loop {
            match app.signature(TICK / 5) {
                Ok(Some(signature)) => {
                    return match self.public_key.verify(&message, &signature) {
                        true => Ok(()),
                        false => Err(self.wrong_signature().into()),
                    };
                }
                // It remembers a position at or above this one.
                Err(DeviceFault::NotAbove) => return Ok(()),
                Err(reason) => return Err(reason.into()),
                Ok(None) => {}
            }
            if self.health.is_abandoned() {
                return Err(WorkerEnd::Done);
            }
            if began.elapsed() >= QUICK {
                let text = press(path, height, round);
                let again = told.is_some_and(|at| at.elapsed() >= REMIND);
                if self.health.set(Some(text.clone())) || again {
                    warn!(
                        event = "device_asks",
                        chain = self.chain,
                        "[{}] {text}",
                        self.chain
                    );
                    told = Some(Instant::now());
                }
                told.get_or_insert_with(Instant::now);
            }
            if self.turn_away(Duration::ZERO) {
                return Err(WorkerEnd::Done);
            }
        }
    }

    fn serve(&mut self, app: &mut App, path: &str) -> Result<(), WorkerEnd> {
        let mut heard = Instant::now();
        loop {
            self.health.is_alive();
            match self.jobs.recv_timeout(TICK) {
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if heard.elapsed() < HEARTBEAT => app.is_quiet()?,
                Err(RecvTimeoutError::Timeout) => {
                    let identity = app.identify()?;
                    if identity.public_key != self.public_key {
                        return Err(WorkerEnd::Lost(DeviceFault::KeyDiffers {
                            found: identity.public_key,
                            wanted: self.public_key.clone(),
                        }));
                    }
                    heard = Instant::now();
                }
                Ok(job) => {
                    self.sign(app, job, path)?;
                    heard = Instant::now();
                }
            }
        }
    }

    fn sign(&mut self, app: &mut App, job: SignJob, path: &str) -> Result<(), WorkerEnd> {
        if let Some((bytes, signature)) = &self.last
            && *bytes == job.bytes
        {
            drop(job.reply.send(Ok(signature.clone())));
            return Ok(());
        }
        if let Some(signature) = app.stray(&self.public_key, &job.bytes) {
            drop(job.reply.send(Ok(signature.clone())));
            self.last = Some((job.bytes, signature));
            return Ok(());
        }
        if Instant::now() >= job.until {
            let why = format!("the Ledger at {path} had no time left for it; ask again");
            drop(job.reply.send(Err(Failed::Late(why))));
            return Ok(());
        }
        self.mark = self.mark.max(Some(job.hrs));
        let began = Instant::now();
        let result = app.ask_signature(&job.bytes).and_then(|()| {
            let left = job.until.saturating_duration_since(Instant::now());
            app.signature(left)
        });
        let reason = match result {
            Ok(Some(signature)) if self.keep(&job.bytes, &signature) => {
                drop(job.reply.send(Ok(signature)));
                return Ok(());
            }
            Ok(Some(_)) => self.wrong_signature(),
            Ok(None) => {
                let why = format!(
                    "the Ledger at {path} did not answer within {} ms; look at its screen",
                    began.elapsed().as_millis()
                );
                // Before the answer, so that anyone who asks again at once is told.
                self.tell(Some(why.clone()));
                drop(job.reply.send(Err(Failed::Late(why))));
                return self.wait_for_late(app, &job.bytes);
            }
            Err(reason) => reason,
        };
        let text = format!("the Ledger at {path}: {reason}");
        let goes_on = reason.is_about_the_message();
        if !goes_on {
            self.tell(Some(text.clone()));
        }
        let failed = match reason {
            DeviceFault::WrongSignature { .. } => Failed::Wrong(text),
            _ => Failed::No(text),
        };
        drop(job.reply.send(Err(failed)));
        match goes_on {
            true => Ok(()),
            false => Err(WorkerEnd::Lost(reason)),
        }
    }

    /// Keeps a signature for those who ask again, if it is one.
    fn keep(&mut self, message: &[u8], signature: &Signature) -> bool {
        let good = self.public_key.verify(message, signature);
        if good {
            self.last = Some((message.to_vec(), signature.clone()));
        }
        good
    }

    /// Nobody waits for this answer any more, and nothing else can be asked before it is there.
    fn wait_for_late(&mut self, app: &mut App, message: &[u8]) -> Result<(), WorkerEnd> {
        let began = Instant::now();
        while began.elapsed() < LATE {
            match app.signature(TICK / 5) {
                Ok(Some(signature)) => {
                    if !self.keep(message, &signature) {
                        return Err(self.wrong_signature().into());
                    }
                    self.tell(None);
                    return Ok(());
                }
                Err(reason) if reason.is_about_the_message() => {
                    self.tell(None);
                    return Ok(());
                }
                Err(reason) => return Err(reason.into()),
                Ok(None) => {}
            }
            if self.turn_away(Duration::ZERO) {
                return Err(WorkerEnd::Done);
            }
        }
        Err(DeviceFault::NoAnswer.into())
    }
}

/// The height and round to tell the device: everything that may still be signed is above them.
///
/// After the harmless proposal of a height and round, their prevote and precommit are signed and their proposal is not,
/// so a proposal that the watermark has passed and that may still have to be signed needs the place below.
fn below(mark: Option<Hrs>) -> (i64, u8) {
    let Some(mark) = mark else { return (1, 0) };
    let height = mark.height.get();
    let round = u8::try_from(mark.round.get().min(HIGHEST_ROUND)).unwrap_or(0);
    match (mark.step, round.checked_sub(1)) {
        (Step::Propose, Some(round)) => (height, round),
        (Step::Propose, None) if height > 1 => (height - 1, 0),
        _ => (height, round),
    }
}

fn press(path: &str, height: i64, round: u8) -> String {
    format!(
        "the Ledger at {path} asks for its first height: if its screen says \"Init validation\", \"Height: {height}\", \
         \"Round: {round:03}\", press the right button; it signs from then on, and asks again whenever its app was closed"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Height, Round};

    #[test]
    fn what_may_be_signed_is_above_what_the_device_is_told() {
        let at = |height, round, step| {
            below(Some(Hrs {
                height: Height::new(height).unwrap(),
                round: Round::new(round).unwrap(),
                step,
            }))
        };
        assert_eq!(below(None), (1, 0));
        assert_eq!(at(5, 0, Step::Precommit), (5, 0));
        assert_eq!(at(5, 2, Step::Prevote), (5, 2));
        assert_eq!(at(5, 2, Step::Propose), (5, 1));
        assert_eq!(at(5, 0, Step::Propose), (4, 0));
        assert_eq!(at(1, 0, Step::Propose), (1, 0));
        assert_eq!(at(5, i32::MAX, Step::Precommit), (5, 127));
    }
}
