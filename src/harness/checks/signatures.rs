//! What must be signed, and how: proposals, votes, extensions, replays.

use crate::harness::reply::{Reply, Signed};
use crate::harness::test_message::{PRECOMMIT, PREVOTE, PROPOSAL, TestMessage, Time};

use super::subject::{describe, flaw};
use super::{CheckFailure, Judged, SignerUnderTest};

/// What nodes up to v0.38 and of v1.0 read at most of a reply (`maxRemoteSignerMsgSize`).
const REPLY: usize = 10 * 1024;

fn one(
    subject: &mut SignerUnderTest,
    kind: i64,
    block: Option<u8>,
) -> Result<(TestMessage, Signed), CheckFailure> {
    let height = subject.fresh_height();
    let ballot = subject.ballot(kind, height, block);
    let signed = subject.signed(&ballot)?;
    Ok((ballot, signed))
}

fn verified(subject: &SignerUnderTest) -> String {
    match subject.key().is_some_and(|key| key.can_verify()) {
        true => "signed and verified".to_owned(),
        false => "signed; not verified, the key type is unknown to this program".to_owned(),
    }
}

pub(super) fn proposal(subject: &mut SignerUnderTest) -> Judged {
    let (first, _) = one(subject, PROPOSAL, Some(1)).map_err(hint)?;
    // The block of an earlier round again; 0 and above 0 are encoded in two ways.
    for (round, pol_round) in [(1, 0), (3, 2)] {
        let mut again = subject.ballot(PROPOSAL, first.height, Some(1));
        (again.round, again.pol_round) = (round, pol_round);
        subject.signed(&again).map_err(|flaw| match flaw {
            CheckFailure::Fail(words) => {
                CheckFailure::Fail(format!("with pol_round {pol_round}: {words}"))
            }
            other => other,
        })?;
    }
    Ok(format!("{}, with pol_round -1, 0 and 2", verified(subject)))
}

pub(super) fn prevote(subject: &mut SignerUnderTest) -> Judged {
    one(subject, PREVOTE, Some(1))?;
    Ok(verified(subject))
}

pub(super) fn precommit(subject: &mut SignerUnderTest) -> Judged {
    one(subject, PRECOMMIT, Some(1))?;
    Ok(verified(subject))
}

/// A key that was used before has its height; not every refusal names it.
fn hint(flaw: CheckFailure) -> CheckFailure {
    match flaw {
        CheckFailure::Fail(words) => CheckFailure::Fail(format!(
            "{words} (a key that signed for this chain before needs `--height` above all that it signed)"
        )),
        other => other,
    }
}

pub(super) fn nil_votes(subject: &mut SignerUnderTest) -> Judged {
    one(subject, PREVOTE, None)?;
    one(subject, PRECOMMIT, None)?;
    Ok(verified(subject))
}

fn long_extension(subject: &SignerUnderTest, height: i64) -> TestMessage {
    let mut ballot = subject.ballot(PRECOMMIT, height, Some(1));
    ballot.extension = vec![0xe5; subject.settings().extension_bytes];
    ballot
}

fn extension_verifies(
    subject: &SignerUnderTest,
    ballot: &TestMessage,
    signed: &Signed,
) -> Result<(), CheckFailure> {
    let bytes = ballot.extension.len();
    let what = format!("the extension of {bytes} bytes of {}", describe(ballot));
    if signed.extension_signature.is_empty() {
        return Err(CheckFailure::Fail(format!(
            "{what} was not signed: a node whose chain has vote extensions halts"
        )));
    }
    let key = subject.key();
    match key
        .is_some_and(|key| key.verifies(&ballot.extension_bytes(), &signed.extension_signature))
    {
        true => Ok(()),
        false => Err(CheckFailure::Fail(format!(
            "the signature of {what} does not verify"
        ))),
    }
}

pub(super) fn extension(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    let long = long_extension(subject, height);
    let signed = subject.signed(&long)?;
    extension_verifies(subject, &long, &signed)?;
    let (empty, signed) = one(subject, PRECOMMIT, Some(1))?;
    extension_verifies(subject, &empty, &signed)?;
    Ok(format!("of {} and of 0 bytes", long.extension.len()))
}

pub(super) fn no_extension(subject: &mut SignerUnderTest) -> Judged {
    for (kind, block) in [(PREVOTE, Some(1)), (PREVOTE, None), (PRECOMMIT, None)] {
        let (ballot, signed) = one(subject, kind, block)?;
        if !signed.extension_signature.is_empty() {
            return Err(CheckFailure::Fail(format!(
                "{} came with an extension signature: nodes refuse such a vote",
                describe(&ballot)
            )));
        }
    }
    Ok("none on prevotes and on nil precommits".to_owned())
}

pub(super) fn skip_extension(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    let mut ballot = subject.ballot(PRECOMMIT, height, Some(1));
    ballot.skip = true;
    let signed = subject.signed(&ballot)?;
    match signed.extension_signature.is_empty() {
        true => Ok("signed without an extension".to_owned()),
        false => Err(CheckFailure::NotApplicable(
            "the extension is signed all the same; nodes drop the signature".to_owned(),
        )),
    }
}

pub(super) fn reply_size(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    let ballot = long_extension(subject, height);
    let signed = subject.signed(&ballot)?;
    let (size, bytes) = (signed.size, ballot.extension.len());
    match size <= REPLY {
        true => Ok(format!("{size} bytes for an extension of {bytes}")),
        false => Err(CheckFailure::Fail(format!(
            "the reply to an extension of {bytes} bytes has {size}: nodes up to v0.38 and of v1.0 read {REPLY} at most"
        ))),
    }
}

pub(super) fn free_precommit(subject: &mut SignerUnderTest) -> Judged {
    for prevoted in [Some(1), None] {
        let (prevote, _) = one(subject, PREVOTE, prevoted)?;
        let precommit = subject.ballot(PRECOMMIT, prevote.height, Some(2));
        subject.signed(&precommit).map_err(|flaw| match flaw {
            CheckFailure::Fail(words) => CheckFailure::Fail(format!(
                "{words}; it is legal after any prevote, and contested rounds need it"
            )),
            other => other,
        })?;
    }
    Ok("signed after a prevote for another block and for nil".to_owned())
}

/// Asks the same once more, or the same with another time.
fn again(
    subject: &mut SignerUnderTest,
    first: &TestMessage,
    later: i64,
) -> Result<Signed, CheckFailure> {
    let mut ballot = first.clone();
    ballot.time = Time {
        seconds: first.time.seconds.saturating_add(later),
        nanos: first.time.nanos,
    };
    match subject.ask(&ballot).map_err(flaw)? {
        Reply::Refused { words, .. } => Err(CheckFailure::Fail(format!(
            "{} was refused when asked again: {words}",
            describe(first)
        ))),
        // Judged as the first one: time included.
        Reply::Signed(signed) if signed.time == first.time => {
            subject.judge(first, Reply::Signed(signed))
        }
        Reply::Signed(signed) => Err(CheckFailure::Fail(format!(
            "{} was asked again, and the answer has time {} s where {} s was signed before",
            describe(first),
            signed.time.seconds,
            first.time.seconds
        ))),
        other => subject.judge(first, other),
    }
}

fn replayed(subject: &mut SignerUnderTest, later: i64) -> Judged {
    let mut kinds = Vec::new();
    for kind in [PROPOSAL, PREVOTE, PRECOMMIT] {
        let height = subject.fresh_height();
        let first = match kind {
            PRECOMMIT => long_extension(subject, height),
            _ => subject.ballot(kind, height, Some(1)),
        };
        let before = subject.signed(&first)?;
        let now = again(subject, &first, later)?;
        if before.signature != now.signature {
            return Err(CheckFailure::Fail(format!(
                "{} was asked again and got another signature than before",
                describe(&first)
            )));
        }
        if kind == PRECOMMIT && !before.extension_signature.is_empty() {
            extension_verifies(subject, &first, &now)?;
        }
        kinds.push(kind);
    }
    Ok(format!("{} kinds of messages", kinds.len()))
}

pub(super) fn replay(subject: &mut SignerUnderTest) -> Judged {
    replayed(subject, 0)
}

pub(super) fn replay_time(subject: &mut SignerUnderTest) -> Judged {
    replayed(subject, 60)
}
