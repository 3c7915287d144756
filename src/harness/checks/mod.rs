//! The acceptance test of a remote signer: a table of checks, each with an exit code of its own.
//!
//! Owns: names and codes never change their meaning; what is asked of a chain that may not be signed for is its public
//! key and a ping, nothing else. What a signer must do is taken from CometBFT's `privval/signer_client.go`,
//! `privval/file.go` and `consensus/state.go`, v0.34 to v1.0.

mod basics;
mod frames;
mod refusals;
mod signatures;
pub(super) mod subject;

use std::time::{Duration, Instant};

pub use subject::SignerUnderTest;

/// What the operator wants.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The chain to ask for.
    pub chain_id: String,
    /// Whether signatures may be asked for; if not, only public key and ping are.
    pub may_sign: bool,
    /// The first height that is asked, at least 1.
    pub height: i64,
    /// The length of the vote extension in bytes.
    pub extension_bytes: usize,
    /// How long a link is kept with nothing but pings.
    pub keep_alive: Duration,
    /// The names of the checks to do; empty means all.
    pub only: Vec<String>,
    /// The names of the checks to leave out.
    pub skip: Vec<String>,
}

/// One check.
pub struct Check {
    /// The exit code when this is the first that failed.
    pub code: u8,
    /// Its name.
    pub name: &'static str,
    /// What passes.
    pub what: &'static str,
    /// Whether it asks for signatures.
    pub signs: bool,
    run: fn(&mut SignerUnderTest) -> Judged,
}

/// How a check ended: the reason for a pass, or a flaw.
type Judged = Result<String, CheckFailure>;

/// Why a check did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CheckFailure {
    Fail(String),
    NotApplicable(String),
    /// The signer does not dial any more; it fails this check and ends the examination.
    Gone(String),
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passed.
    Pass,
    /// It failed.
    Fail,
    /// It could not be judged, or was not asked for.
    NotApplicable,
}

impl Outcome {
    /// `pass`, `FAIL`, `n/a`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::NotApplicable => "n/a",
        }
    }
}

/// What became of a check.
#[derive(Clone, Debug)]
pub struct Row {
    /// The exit code of the check.
    pub code: u8,
    /// Its name.
    pub name: &'static str,
    /// The result.
    pub result: Outcome,
    /// Why.
    pub reason: String,
    /// How long it took.
    pub took: Duration,
}

macro_rules! check {
    ($code:literal, $name:literal, $signs:literal, $run:path, $what:literal) => {
        Check {
            code: $code,
            name: $name,
            what: $what,
            signs: $signs,
            run: $run,
        }
    };
}

/// All checks in the order in which they are done, which is also that of the exit code when several fail.
#[rustfmt::skip]
pub const CHECKS: &[Check] = &[
    check!(10, "link", false, basics::link, "a signer dials, and the handshake succeeds"),
    check!(11, "public-key", false, basics::public_key, "a public key of a type that nodes know"),
    check!(12, "ping", false, basics::ping, "pings are answered, and keep the link up"),
    check!(13, "same-key", false, basics::same_key, "the same public key each time"),
    check!(14, "proposal", true, signatures::proposal, "a proposal is signed, and the signature verifies"),
    check!(15, "prevote", true, signatures::prevote, "the same for a prevote"),
    check!(16, "precommit", true, signatures::precommit, "the same for a precommit"),
    check!(17, "nil-votes", true, signatures::nil_votes, "the same for votes for nil"),
    check!(18, "extension", true, signatures::extension, "vote extensions are signed, empty ones too"),
    check!(19, "no-extension", true, signatures::no_extension, "no extension signature where none may be"),
    check!(20, "skip-extension", true, signatures::skip_extension, "v1.0's request without extension is signed"),
    check!(21, "reply-size", true, signatures::reply_size, "the reply to a long extension is at most 10 KiB, which nodes read"),
    check!(22, "free-precommit", true, signatures::free_precommit, "a precommit for another block than the one prevoted"),
    check!(23, "replay", true, signatures::replay, "the same request again: the same signature, extension included"),
    check!(24, "replay-time", true, signatures::replay_time, "another timestamp only: the earlier timestamp and signature"),
    check!(25, "conflict", true, refusals::conflict, "another block, or nil, at the same place is not signed"),
    check!(26, "height-regression", true, refusals::height, "a lower height is not signed"),
    check!(27, "round-regression", true, refusals::round, "a lower round is not signed"),
    check!(28, "step-regression", true, refusals::step, "an earlier step is not signed"),
    check!(29, "wrong-chain", true, refusals::wrong_chain, "nothing is signed for another chain id"),
    check!(30, "in-band", true, refusals::in_band, "refusals are answers, on a link that stays up"),
    check!(31, "split", true, frames::split, "a request that comes byte by byte"),
    check!(32, "together", true, frames::together, "three requests in one write, answered in order"),
    check!(33, "raw-bytes", true, refusals::raw_bytes, "bytes that are a vote are not signed as raw bytes"),
    check!(34, "redial", false, frames::redial, "the signer dials again, and remembers what it signed"),
    check!(35, "oversized", true, frames::oversized, "a frame of 1 GiB is announced: the signer lives on"),
    check!(36, "odd-votes", true, refusals::odd_votes, "votes of unknown type or height are not signed: the signer lives on"),
];

/// Does the checks one after the other; `done` hears of each.
pub fn examine(subject: &mut SignerUnderTest, mut done: impl FnMut(&Row)) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut gone = None;
    for check in CHECKS {
        let began = Instant::now();
        let judged = match left_out(subject.settings(), check) {
            Some(why) => Err(CheckFailure::NotApplicable(why.to_owned())),
            None => match &gone {
                Some(check) => Err(CheckFailure::NotApplicable(format!(
                    "the signer is gone since `{check}`"
                ))),
                None if check.signs => subject.begin().and_then(|()| (check.run)(subject)),
                None => (check.run)(subject),
            },
        };
        let (result, reason) = match judged {
            Ok(reason) => (Outcome::Pass, reason),
            Err(CheckFailure::Fail(reason)) => (Outcome::Fail, reason),
            Err(CheckFailure::NotApplicable(reason)) => (Outcome::NotApplicable, reason),
            Err(CheckFailure::Gone(reason)) => {
                gone = Some(check.name);
                (Outcome::Fail, reason)
            }
        };
        let row = Row {
            code: check.code,
            name: check.name,
            result,
            reason,
            took: began.elapsed(),
        };
        done(&row);
        rows.push(row);
    }
    rows
}

fn left_out(settings: &Settings, check: &Check) -> Option<&'static str> {
    let named = |names: &[String]| names.iter().any(|name| name == check.name);
    if named(&settings.skip) || (!settings.only.is_empty() && !named(&settings.only)) {
        Some("left out by the command line")
    } else if check.signs && !settings.may_sign {
        Some("signatures are asked for chain ids that begin with `harness-` only")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_each_one() {
        for (index, check) in CHECKS.iter().enumerate() {
            assert_eq!(usize::from(check.code), 10 + index, "{}", check.name);
            let others = CHECKS.iter().filter(|other| other.name == check.name);
            assert_eq!(others.count(), 1);
        }
    }
}
