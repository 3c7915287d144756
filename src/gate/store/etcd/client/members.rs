//! The endpoints: one thread and one kept connection each, so that a member that hangs costs no more than the wait for
//! the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::https::{Answer, Client, Failure, Limits, Tls};
use crate::threads::{LARGE_STACK, spawn};

use super::api::{self, TokenAnswer};
use super::outcome::{COMMON_NAME, TxnOutcome, is_about_common_name, outcome};

/// How long a request waits for one member before another is asked, too.
pub const HEDGE: Duration = Duration::from_millis(50);
/// Between two rounds over all members.
const PAUSE: Duration = Duration::from_millis(50);
/// Limits of one request to one member.
const LIMITS: Limits = Limits {
    connect: Duration::from_millis(750),
    request: Duration::from_millis(1_000),
};

/// Who we are to etcd, where it has authentication on.
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password; wiped when dropped.
    pub password: Zeroizing<String>,
}

/// All endpoints of a cluster.
pub struct Cluster {
    workers: Vec<EndpointThread>,
    /// The endpoint that answered last.
    preferred: usize,
}

struct EndpointThread {
    name: String,
    jobs: SyncSender<Question>,
    busy: Arc<AtomicBool>,
}

struct Question {
    path: &'static str,
    body: Arc<[u8]>,
    number: usize,
    answers: Sender<(usize, TxnOutcome)>,
}

/// No member gave a certain answer in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// Whether some member may have applied it.
    pub ambiguous: bool,
    /// What the members said.
    pub why: String,
}

impl Cluster {
    /// One thread for each endpoint.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn connect(
        endpoints: &[String],
        tls: Option<&Tls>,
        credentials: Option<&Arc<Credentials>>,
    ) -> std::io::Result<Self> {
        let workers = endpoints.iter().map(|endpoint| {
            let client = Session::new(endpoint, tls, credentials.cloned());
            EndpointThread::start(client)
        });
        Ok(Self {
            workers: workers.collect::<Result<_, _>>()?,
            preferred: 0,
        })
    }

    /// Asks members until one gives a certain answer: the preferred one, after [`HEDGE`] another, and so on, and again
    /// from the start. The request must be one that may be made several times.
    pub fn ask(&mut self, body: &Arc<[u8]>, until: Instant) -> Result<TxnOutcome, Undecided> {
        let (answers, inbox) = mpsc::channel();
        let count = self.workers.len();
        let mut round = Asking {
            answers,
            next: self.preferred,
            left: count,
            waiting: 0,
            last: vec![None; count],
            ambiguous: false,
        };
        loop {
            let launched = self.launch(&mut round, body);
            let now = Instant::now();
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                return Err(round.undecided(&self.workers));
            }
            // Where nobody was free, all have been asked: after a pause they are asked again.
            let wait = if launched { HEDGE } else { PAUSE };
            match inbox.recv_timeout(wait.min(left)) {
                Ok((number, outcome)) => {
                    round.waiting = round.waiting.saturating_sub(1);
                    match outcome {
                        TxnOutcome::NotApplied(why) | TxnOutcome::NoToken(why) => {
                            round.note(number, why)
                        }
                        TxnOutcome::Ambiguous(why) => {
                            round.ambiguous = true;
                            round.note(number, why);
                        }
                        certain => {
                            self.preferred = number;
                            return Ok(certain);
                        }
                    }
                }
                Err(_) if !launched => round.left = count,
                Err(_) => {}
            }
        }
    }

    /// Gives the request to the next member that is free. `false`: there is none in this round.
    fn launch(&self, round: &mut Asking, body: &Arc<[u8]>) -> bool {
        let count = self.workers.len();
        while round.left > 0 {
            round.left -= 1;
            let number = round.next % count;
            round.next = (number + 1) % count;
            let Some(worker) = self.workers.get(number) else {
                continue;
            };
            let job = Question {
                path: api::TXN,
                body: body.clone(),
                number,
                answers: round.answers.clone(),
            };
            if worker.take(job) {
                round.waiting += 1;
                return true;
            }
        }
        false
    }
}

/// What is known while members are asked.
struct Asking {
    answers: Sender<(usize, TxnOutcome)>,
    next: usize,
    /// How many are still to be asked in this round.
    left: usize,
    /// How many owe an answer.
    waiting: usize,
    last: Vec<Option<String>>,
    ambiguous: bool,
}

impl Asking {
    fn note(&mut self, number: usize, why: String) {
        if let Some(last) = self.last.get_mut(number) {
            *last = Some(why);
        }
    }

    fn undecided(&self, workers: &[EndpointThread]) -> Undecided {
        let said = workers.iter().zip(&self.last).map(|(worker, why)| {
            let why = why.as_deref().unwrap_or("no answer in time");
            format!("{}: {why}", worker.name)
        });
        Undecided {
            // Who owes an answer may have got the request.
            ambiguous: self.ambiguous || self.waiting > 0,
            why: said.collect::<Vec<_>>().join("; "),
        }
    }
}

impl EndpointThread {
    fn start(mut session: Session) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel::<Question>(1);
        let busy = Arc::new(AtomicBool::new(false));
        let (name, mine) = (session.name().to_owned(), busy.clone());
        spawn("etcd", LARGE_STACK, move || {
            for job in inbox {
                let outcome = session.transact(job.path, &job.body);
                mine.store(false, Ordering::Release);
                // The caller may have had enough from another member.
                let _ = job.answers.send((job.number, outcome));
            }
        })?;
        Ok(Self { name, jobs, busy })
    }

    /// Whether the job was taken.
    fn take(&self, job: Question) -> bool {
        if self.busy.swap(true, Ordering::AcqRel) {
            return false;
        }
        let taken = self.jobs.try_send(job).is_ok();
        if !taken {
            self.busy.store(false, Ordering::Release);
        }
        taken
    }
}

/// A conversation with one member: its connection, and the token that it knows us by.
pub struct Session {
    client: Client,
    credentials: Option<Arc<Credentials>>,
    token: Option<Zeroizing<String>>,
}

impl Session {
    /// With the member at `endpoint`, as `https://host:2379`.
    pub fn new(endpoint: &str, tls: Option<&Tls>, credentials: Option<Arc<Credentials>>) -> Self {
        Self {
            client: Client::new(endpoint, tls, LIMITS),
            credentials,
            token: None,
        }
    }

    /// The member's address.
    pub fn name(&self) -> &str {
        self.client.base()
    }

    /// One transaction. A token that the member has forgotten is renewed; that rejection is certain, so the request may
    /// be made again at once.
    pub fn transact(&mut self, path: &str, body: &[u8]) -> TxnOutcome {
        match outcome(&self.send(path, body)) {
            TxnOutcome::NoToken(why) if self.credentials.is_some() => match self.renew() {
                Ok(()) => outcome(&self.send(path, body)),
                Err(failed) => TxnOutcome::NotApplied(format!("{why}; {failed}")),
            },
            TxnOutcome::NoToken(why) => TxnOutcome::NotApplied(format!(
                "{why}; etcd has authentication on: set `username` and `password_file` in [etcd]"
            )),
            other => other,
        }
    }

    /// Any other request; with a fresh token where it takes one.
    pub fn post(&mut self, path: &str, body: &[u8]) -> Result<Answer, Failure> {
        let answer = self.send(path, body)?;
        if matches!(answer.status, 400 | 401) && self.credentials.is_some() && self.renew().is_ok()
        {
            return self.send(path, body);
        }
        Ok(answer)
    }

    fn send(&mut self, path: &str, body: &[u8]) -> Result<Answer, Failure> {
        // Without a token etcd would only ask for one.
        if self.token.is_none() && self.credentials.is_some() {
            self.renew().map_err(Failure::NotSent)?;
        }
        let token = self.token.as_ref().map(|token| token.as_str());
        let answer = self.client.post(path, token, body);
        if matches!(answer, Err(Failure::Unknown(_))) {
            // A token names a position of etcd's log, and a member that is not there yet waits for it: one that was restored
            // or replaced would do so with each request.
            self.token = None;
        }
        answer
    }

    fn renew(&mut self) -> Result<(), String> {
        let Some(credentials) = &self.credentials else {
            return Ok(());
        };
        self.token = None;
        let body = api::authenticate(&credentials.username, &credentials.password);
        let answer = self
            .client
            .post(api::AUTHENTICATE, None, &body)
            .map_err(|failure| format!("no token: {failure}"))?;
        if is_about_common_name(&answer) {
            return Err(COMMON_NAME.to_owned());
        }
        let token = serde_json::from_slice::<TokenAnswer>(&answer.body).ok();
        match token.filter(|_| answer.status == 200) {
            Some(found) => {
                self.token = Some(Zeroizing::new(found.token));
                Ok(())
            }
            None => {
                let said: api::ErrorAnswer =
                    serde_json::from_slice(&answer.body).unwrap_or_default();
                Err(format!(
                    "no token for user {}: HTTP status {} {}; look at `username` and `password_file` in [etcd], \
                     and whether etcd has authentication on",
                    credentials.username,
                    answer.status,
                    said.text()
                ))
            }
        }
    }
}
