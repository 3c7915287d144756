//! How long a signer takes, by type of message, as a node sees it: from before a request is written until its reply is
//! read. One request after the other over one link, because that is how a node asks.
//!
//! Every signature is verified, outside of the time measured. Rounds are counted up rather than heights, because a
//! signer may bound how fast heights pass.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::text::excerpt::brief_of;

use super::checks::SignerUnderTest;
use super::checks::subject::flaw;
use super::checks::{CheckFailure, Settings};
use super::reply::{self, Reply};
use super::test_message::{PRECOMMIT, PREVOTE, PROPOSAL, TestMessage};

/// Not counted: caches fill, and a first height may cost more.
const WARM_UP: u64 = 10;
/// The highest round asked; nodes never come near.
const ROUNDS: i64 = 9_000;
/// The longest time that a histogram holds, in nanoseconds: a minute.
const LONGEST: u64 = 60_000_000_000;

/// A type of message that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A ping.
    Ping,
    /// The public key.
    PublicKey,
    /// A proposal.
    Proposal,
    /// A prevote for a block.
    Prevote,
    /// A precommit for a block, with the empty extension that nodes send.
    Precommit,
    /// A precommit for a block with an extension.
    Extended,
}

impl Kind {
    const ALL: [Kind; 6] = [
        Kind::Ping,
        Kind::PublicKey,
        Kind::Proposal,
        Kind::Prevote,
        Kind::Precommit,
        Kind::Extended,
    ];

    /// Whether it asks for a signature.
    pub fn signs(self) -> bool {
        !matches!(self, Kind::Ping | Kind::PublicKey)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Ping => "ping",
            Kind::PublicKey => "public key",
            Kind::Proposal => "proposal",
            Kind::Prevote => "prevote",
            Kind::Precommit => "precommit",
            Kind::Extended => "precommit with extension",
        }
    }
}

/// When to stop; whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// After so many requests of each type.
    pub count: u64,
    /// After so much time.
    pub time: Duration,
}

/// The times of one type, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Series {
    /// The type.
    pub kind: Kind,
    /// The times.
    pub times: Histogram<u64>,
    sum: Duration,
}

impl Series {
    fn new(kind: Kind) -> Result<Self, BenchError> {
        let times = Histogram::new_with_bounds(1, LONGEST, 3);
        Ok(Self {
            kind,
            times: times.map_err(|error| BenchError::Failed(error.to_string()))?,
            sum: Duration::ZERO,
        })
    }

    /// The time within which this share of the requests was answered.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.times.value_at_quantile(share))
    }

    /// Requests per second, one after the other.
    pub fn rate(&self) -> f64 {
        match self.sum.is_zero() {
            true => 0.0,
            false => self.times.len() as f64 / self.sum.as_secs_f64(),
        }
    }

    fn record(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(LONGEST);
        self.times.saturating_record(nanos);
        self.sum = self.sum.saturating_add(took);
    }
}

/// All that was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// By type, those only that were asked.
    pub series: Vec<Series>,
    /// From the first request to the last reply, verification of the signatures included.
    pub wall: Duration,
}

impl Measured {
    /// The highest median of the types that sign; `None` when none was asked.
    pub fn slowest_median(&self) -> Option<Duration> {
        let signing = self.series.iter().filter(|series| series.kind.signs());
        signing.map(|series| series.quantile(0.5)).max()
    }

    /// How many requests were measured.
    pub fn requests(&self) -> u64 {
        self.series.iter().map(|series| series.times.len()).sum()
    }
}

/// Why nothing was measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BenchError {
    /// The signer does not dial.
    #[error("{0}")]
    Gone(String),
    /// A request was not answered as it must be.
    #[error("{0}")]
    Failed(String),
}

impl From<CheckFailure> for BenchError {
    fn from(flaw: CheckFailure) -> Self {
        match flaw {
            CheckFailure::Gone(words) => Self::Gone(words),
            CheckFailure::Fail(words) | CheckFailure::NotApplicable(words) => Self::Failed(words),
        }
    }
}

/// Measures until the plan is done; `progress` hears of every request.
pub fn measure(
    subject: &mut SignerUnderTest,
    plan: &Plan,
    mut progress: impl FnMut(&Measured),
) -> Result<Measured, BenchError> {
    let Settings {
        may_sign,
        extension_bytes,
        ..
    } = *subject.settings();
    subject.ask_key()?;
    if may_sign {
        subject.begin()?;
    }
    let kinds = Kind::ALL
        .into_iter()
        .filter(|kind| may_sign || !kind.signs());
    let mut done = Measured {
        series: kinds.map(Series::new).collect::<Result<_, _>>()?,
        wall: Duration::ZERO,
    };
    let (mut height, mut round, mut warm) = (subject.fresh_height(), 0, 0);
    let mut began = Instant::now();
    let mut counted = 0;
    while counted < plan.count && began.elapsed() < plan.time {
        let cold = warm < WARM_UP;
        for index in 0..done.series.len() {
            let Some(kind) = done.series.get(index).map(|series| series.kind) else {
                continue;
            };
            let took = one(subject, kind, height, round, extension_bytes)?;
            if let (false, Some(series)) = (cold, done.series.get_mut(index)) {
                series.record(took);
                done.wall = began.elapsed();
                progress(&done);
            }
        }
        round += 2;
        if round > ROUNDS {
            (height, round) = (subject.fresh_height(), 0);
        }
        match cold {
            true => (warm, began) = (warm + 1, Instant::now()),
            false => counted += 1,
        }
    }
    Ok(done)
}

/// One request, judged; gives its time.
fn one(
    subject: &mut SignerUnderTest,
    kind: Kind,
    height: i64,
    round: i64,
    extension: usize,
) -> Result<Duration, BenchError> {
    let ballot = ballot(subject, kind, height, round, extension);
    let request = match (&ballot, kind) {
        (Some(ballot), _) => subject.request(ballot),
        (None, Kind::Ping) => reply::ping(),
        (None, _) => reply::public_key_request(&subject.settings().chain_id),
    };
    let (answer, took) = subject.probe.timed(&request).map_err(flaw)?;
    match (ballot, answer) {
        (Some(ballot), answer) => {
            subject.judge(&ballot, answer)?;
        }
        (None, Reply::Pong | Reply::PublicKey(_)) => {}
        (None, other) => {
            let words = format_args!(
                "a request for {} was answered with {other:?}",
                kind.as_str()
            );
            return Err(BenchError::Failed(brief_of(words, 400)));
        }
    }
    Ok(took)
}

fn ballot(
    subject: &SignerUnderTest,
    kind: Kind,
    height: i64,
    round: i64,
    extension: usize,
) -> Option<TestMessage> {
    let step = match kind {
        Kind::Ping | Kind::PublicKey => return None,
        Kind::Proposal => PROPOSAL,
        Kind::Prevote => PREVOTE,
        Kind::Precommit | Kind::Extended => PRECOMMIT,
    };
    let mut ballot = subject.ballot(step, height, Some(1));
    ballot.round = round;
    if kind == Kind::Extended {
        // A round of its own: the one before has its precommit.
        ballot.round = round.saturating_add(1);
        ballot.extension = vec![0xe5; extension];
    }
    Some(ballot)
}
